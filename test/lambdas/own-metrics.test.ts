import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { parse } from 'yaml';
import { fleetBed, quickConfig, WEB } from '../support/e2e.js';
import { run } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const folder = mkdtempSync(join(tmpdir(), 'guard-own-metrics-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INTAKE = '/api/v1/distribution_points';
const sending = quickConfig((config) => {
  config.datadog.send_metrics = true;
});

const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe("GUARD's own metrics in Datadog", () => {
  it('are those of the log, with few tags and no cluster among them', async () => {
    const regression = { metric: 'latency_p99', factor: 3, version: '1.30' } as const;
    const clusters = { [WEB]: { regressions: [regression] } };
    const logFile = join(folder, 'slower.log');
    const fleet = await startFleet({ logFile, configText: sending, scenario: { seed: 7, clusters } });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'rolled-back' });
    const { sent } = fleet.datadog;
    const valuesOf = (metric: string) => sent.flatMap((each) => (each.metric === metric ? each.value : []));
    for (const name of ['guard.upgrade.started', 'guard.upgrade.failed', 'guard.rollback.triggered']) {
      expect(valuesOf(name)).toEqual([1]);
    }
    expect(valuesOf('guard.validation.latency_increase')[0]).toBeGreaterThan(100);
    for (const { tags } of sent) expect(tags).toEqual(['service:guard', 'target:istio', 'batch:dev-wave-1']);
    const logged = linesOf(logFile).flatMap(({ _aws }) => _aws?.CloudWatchMetrics[0].Metrics[0].Name ?? []);
    expect([...new Set(sent.map(({ metric }) => metric))].sort()).toEqual([...new Set(logged)].sort());
  });

  it('are not sent unless the configuration says so', async () => {
    const fleet = await startFleet({ configText: quickConfig() });
    expect(parse(fleet.configText).datadog.send_metrics).toBe(false);
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    expect(fleet.datadog.requests.get(INTAKE)).toBeUndefined();
  });

  it('do not hurt the rollout when Datadog fails: logged and counted', async () => {
    const logFile = join(folder, 'refused.log');
    const rule = { kind: 'status', code: 500, path: INTAKE } as const;
    const scenario = { seed: 7, datadog: { rules: [rule] } };
    const fleet = await startFleet({ logFile, configText: sending, scenario });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'healthy' });
    expect(fleet.datadog.sent).toEqual([]);
    const lines = linesOf(logFile);
    const lost = lines.filter(({ message }) => message === 'metrics not sent');
    expect(lost.length).toBeGreaterThanOrEqual(4);
    expect(lost[0]).toMatchObject({ level: 'WARN', reason: expect.stringContaining('HTTP 500') });
    expect(JSON.stringify(lost)).not.toContain('local-api-key');
    const counted = lines.filter((line) => line['guard.metrics.dropped'] !== undefined);
    expect(counted).toHaveLength(lost.length);
    expect(counted[0]).toMatchObject({ batch: 'dev-wave-1', 'guard.metrics.dropped': 1 });
  });
});
