import { expect, it, jest } from '@jest/globals';
import { parsePolicy } from '../../lib/analysis/policy.js';
import { replayRecording } from '../../lib/analysis/replay.js';
import { fleetBed, KEY, WEB } from '../support/e2e.js';
import { guard } from '../support/guard-command.js';
import { run } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();

it('guard export-recording writes a rollout that was rolled back, and a replay decides the same', async () => {
  const regressions = [{ metric: 'latency_p99' as const, factor: 2, version: '1.30.2' }];
  const fleet = await startFleet({ scenario: { seed: 7, clusters: { [WEB]: { regressions } } } });
  expect((await run(fleet)).output).toMatchObject({ outcome: 'rolled-back' });

  const { code, out } = await guard('export-recording', '--batch', 'dev-wave-1', '--rollout', KEY);
  expect(code).toBe(0);
  const lines = out.split('\n');
  expect(JSON.parse(lines[0]!)).toMatchObject({ kind: 'rollout-recording', from: '1.29.4', to: '1.30.2' });
  expect(lines.some((line) => /"metric":"error_rate".*"requests":\d{4}/.test(line))).toBe(true);
  const replayed = await replayRecording('recording', lines, parsePolicy(undefined));
  expect(replayed).toMatchObject({ verdict: 'failed', metric: 'latency_p99', cluster: WEB });
  expect(replayed.pointsAfterChange).toBeLessThanOrEqual(3);

  const unknown = await guard('export-recording', '--batch', 'nowhere');
  expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining("batch 'nowhere'") });
});
