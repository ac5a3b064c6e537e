import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { fleetBed, quickConfig, WEB } from '../support/e2e.js';
import { run } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const folder = mkdtempSync(join(tmpdir(), 'guard-metrics-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Value {
  readonly name: string;
  readonly value: number;
  readonly check?: string;
}

/** The metric lines among those of the log. */
function metricsIn(file: string): Value[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .filter((line) => line._aws)
    .map((line) => {
      expect(line).toMatchObject({ service: 'guard', target: 'istio', batch: 'dev-wave-1' });
      const name = line._aws.CloudWatchMetrics[0].Metrics[0].Name as string;
      return { name, value: line[name] as number, ...(line.check ? { check: line.check } : {}) };
    });
}

function names(values: readonly Value[], but: string): string[] {
  return values.map(({ name }) => name).filter((name) => name !== but);
}

describe("a rollout's metrics", () => {
  it('of a healthy one: begun, checked, soaked, ended, each once; also when the log is quiet', async () => {
    const logFile = join(folder, 'healthy.log');
    const configText = quickConfig((config) => {
      config.logging = { level: 'ERROR', format: 'text' };
    });
    const fleet = await startFleet({ logFile, configText });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    const values = metricsIn(logFile);
    expect(names(values, 'guard.precheck.duration').sort()).toEqual([
      'guard.upgrade.started',
      'guard.upgrade.success',
      'guard.validation.latency_increase',
      'guard.validation.soak_period',
    ]);
    expect(values).toContainEqual({ name: 'guard.precheck.duration', value: expect.any(Number) });
    const soak = values.find(({ name }) => name === 'guard.validation.soak_period')!.value;
    expect(soak).toBeGreaterThanOrEqual(4 * 60);
    expect(soak).toBeLessThan(60 * 60);
  });

  it('of one that gets slower: the growth, the rollback and the failure', async () => {
    const logFile = join(folder, 'slower.log');
    const regression = { metric: 'latency_p99', factor: 3, version: '1.30' } as const;
    const clusters = { [WEB]: { regressions: [regression] } };
    const fleet = await startFleet({ logFile, scenario: { seed: 7, clusters } });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'rolled-back' });
    const values = metricsIn(logFile);
    const once = names(values, 'guard.precheck.duration');
    expect(once.filter((name) => name === 'guard.rollback.triggered')).toHaveLength(1);
    expect(once.filter((name) => name === 'guard.upgrade.failed')).toHaveLength(1);
    expect(once).not.toContain('guard.upgrade.success');
    const [growth] = values.filter(({ name }) => name === 'guard.validation.latency_increase');
    expect(growth!.value).toBeGreaterThan(100);
  });

  it('of one that is not fit: which check failed, and nothing of a soak', async () => {
    const logFile = join(folder, 'unfit.log');
    const clusters = { [WEB]: { unreachable: true } };
    const fleet = await startFleet({ logFile, scenario: { seed: 7, clusters } });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'halted' });
    const values = metricsIn(logFile);
    const failed = values.filter(({ name }) => name === 'guard.precheck.failed');
    expect(failed).toEqual([{ name: 'guard.precheck.failed', value: 1, check: 'api-reachable' }]);
    expect(names(values, 'guard.precheck.duration').sort()).toEqual([
      'guard.precheck.failed',
      'guard.upgrade.failed',
      'guard.upgrade.started',
    ]);
  });
});
