import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { register } from '../../lib/cli/replay.js';
import { runCommand } from '../support/guard-command.js';

let folder: string;
const header = {
  kind: 'rollout-recording',
  version: 1,
  target: 'istio',
  batch: 'b',
  from: '1',
  to: '2',
  changedAt: '2026-01-15T14:00:00Z',
  clusters: { upgraded: ['u'], control: [] },
  metrics: [{ name: 'latency_p99', unit: 'ms', direction: 'higher-is-worse' }],
  truth: 'regression',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replay-'));
  const lines = [JSON.stringify(header)];
  for (let minute = -120; minute < 10; minute++) {
    const t = new Date(Date.parse(header.changedAt) + minute * 60_000).toISOString();
    const value = (minute < 0 ? 100 : 250) + (minute % 7);
    lines.push(JSON.stringify({ t, cluster: 'u', metric: 'latency_p99', value }));
  }
  await writeFile(join(folder, 'bad.jsonl'), `${lines.join('\n')}\n`);
  await writeFile(join(folder, 'broken.jsonl'), 'nothing\n');
  await writeFile(
    join(folder, 'policy.yaml'),
    'metrics: {latency_p99: {gross_percent: 400, increase_percent: 300}}\n',
  );
  await writeFile(join(folder, 'wrong.yaml'), 'metric: {}\n');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runCommand(register, ['replay', ...args], { cwd: folder });

describe('guard replay', () => {
  it('prints one line a file and the rates', async () => {
    const { out, err, code } = await run('bad.jsonl');
    expect({ err, code }).toEqual({ err: [], code: 0 });
    expect(out[0]).toMatch(
      /^bad\.jsonl: failed at 2026-01-15T14:0\d:00\.000Z, after \d measurements: latency_p99 of u/,
    );
    expect(out[1]).toContain('missed regressions: 0 of 1 (0.0 %)');
  });

  it('prints JSON with every file and a summary', async () => {
    const { out } = await run('bad.jsonl', '--json');
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      files: [{ file: 'bad.jsonl', verdict: 'failed', metric: 'latency_p99', cluster: 'u' }],
      summary: { files: 1, misses: { of: 1, count: 0, rate: 0 } },
    });
  });

  it('judges by the policy that is given', async () => {
    const { out } = await run('bad.jsonl', '--json', '--policy', 'policy.yaml');
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      files: [{ verdict: 'inconclusive', decidedAt: null }],
      summary: { misses: { count: 1 } },
    });
  });

  it('goes on after a file that cannot be read, says so in one line and exits with 2 or 1', async () => {
    const { out, err, code } = await run('broken.jsonl', 'bad.jsonl');
    expect(err).toEqual(['broken.jsonl:1: not JSON']);
    expect(code).toBe(2);
    expect(out[0]).toMatch(/^bad\.jsonl: failed/);
    const missing = await run('nowhere.jsonl');
    expect(missing.err).toEqual(['nowhere.jsonl: no such file']);
    expect(missing.code).toBe(1);
  });

  it('refuses a policy with unknown keys', async () => {
    const { err, code } = await run('bad.jsonl', '--policy', 'wrong.yaml');
    expect(err[0]).toContain("wrong.yaml: metric: unknown key; did you mean 'metrics'?");
    expect(code).toBe(2);
  });
});
