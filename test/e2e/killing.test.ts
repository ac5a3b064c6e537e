import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SettleOutput } from '../../lib/phases/contracts.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import type { Scenario } from '../../lib/simulation/scenario.js';
import { fleetBed, KEY, WEB } from '../support/e2e.js';
import { gitlabRest } from '../support/gitlab-rest.js';
import { wrappedLambdas } from '../support/lambdas.js';
import { held, rolloutOf, start, statuses } from '../support/small-fleet.js';

jest.setTimeout(180_000);
const startFleet = fleetBed();

let dataDir: string | undefined;
afterEach(() => {
  if (dataDir) rmSync(dataDir, { recursive: true, force: true });
});

/** Before the handler did anything; or when it has done everything and its answer is lost. */
type Edge = 'begin' | 'end';

/** Stages of one handler are different steps. */
function stepOf(name: string, event: { stage?: string; direction?: string }): string {
  return [name, event.stage, event.direction].filter(Boolean).join(' ');
}

/**
 * Runs one rollout, and ends engine and simulation at every step in turn: at its first call before it does
 * anything, at its second after it has done everything. Each time all is started again on what the disk has.
 */
async function runKilled(
  scenario: Scenario,
): Promise<{ fleet: LocalFleet; output: SettleOutput; kills: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'guard-killed-'));
  dataDir = folder;
  const kills: string[] = [];
  let ports = {};
  let fleet: LocalFleet;
  let death: Promise<void> | undefined;

  async function dieAt(step: string, edge: Edge): Promise<void> {
    if (death === undefined) {
      if (kills.includes(`${step}: ${edge}`)) return;
      kills.push(`${step}: ${edge}`);
      death = fleet.stop();
    }
    // The engine takes no answer any more when this handler, or one that ran beside it, ends.
    await sleep(100);
    throw new Error(`killed at ${step}`);
  }

  async function begin(): Promise<void> {
    let up = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      up = resolve;
    });
    const next = await startFleet({
      dataDir: folder,
      ports,
      scenario,
      handlers: wrappedLambdas(async (name, event, go) => {
        // What ran before goes on while the fleet is still starting.
        await started;
        const step = stepOf(name, event);
        await dieAt(step, 'begin');
        const answer = await go();
        await dieAt(step, 'end');
        return answer;
      }),
    });
    fleet = next;
    death = undefined;
    up();
    const portOf = (url: string) => Number(new URL(url).port);
    ports = {
      aws: portOf(fleet.engine.endpoint),
      gitlab: portOf(fleet.gitlab.url),
      datadog: portOf(fleet.datadog.url),
      kubernetes: portOf(fleet.kubernetes.url),
    };
  }

  await begin();
  const arn = await start(fleet!, {});
  for (let look = 0; ; look++) {
    if (death !== undefined) {
      await death;
      await begin();
      continue;
    }
    const execution = fleet!.engine.executions.describe(arn);
    if (execution.status === 'SUCCEEDED') {
      return { fleet: fleet!, output: JSON.parse(execution.output ?? '{}') as SettleOutput, kills };
    }
    if (execution.status !== 'RUNNING') throw new Error(`${execution.status}: ${execution.cause}`);
    // A webhook that died with its process is gone, as on AWS without a retry: the schedule finds the merge.
    if (look % 20 === 19) await fleet!.engine.invoke('Sweep', {}).catch(() => undefined);
    await sleep(25);
  }
}

async function auditOf(fleet: LocalFleet): Promise<string[]> {
  const records = await fleet.remote.journal.records(journalKeys.rollout(KEY), journalKeys.audits);
  return records.map((record) => String(record.what));
}

describe('the process ends at every step in turn', () => {
  it('an upgrade: the same end, one merge request, no status lost', async () => {
    const { fleet, output, kills } = await runKilled({ seed: 7 });
    expect(output).toMatchObject({ outcome: 'healthy', verdict: 'passed', rollout: KEY });
    for (const step of ['Plan', 'CheckCluster before forward', 'Measure soak forward', 'Settle']) {
      expect(kills).toEqual(expect.arrayContaining([`${step}: begin`, `${step}: end`]));
    }
    expect(kills.length).toBeGreaterThanOrEqual(30);
    expect(await gitlabRest(fleet).requests()).toMatchObject([{ state: 'merged' }]);
    expect((await gitlabRest(fleet).notes(1)).filter((note) => note.includes('Healthy'))).toHaveLength(1);
    expect(await statuses(fleet)).toEqual(['healthy', 'healthy']);
    expect(await held(fleet)).toEqual([]);
    for (const cluster of await fleet.remote.registry.batch('dev-wave-1')) {
      expect(cluster.versions.istio).toEqual({ current: '1.30.2', verified: '1.30.2' });
      expect(cluster.upgrade_history.filter((entry) => entry.version === '1.30.2')).toHaveLength(1);
    }
    expect((await rolloutOf(fleet))?.executions).toHaveLength(1);
    expect(await auditOf(fleet)).toEqual(
      expect.arrayContaining(['planned', 'opened the upgrade merge request', 'settled']),
    );
  });

  it('a rollback: the same end, one upgrade and one rollback merge request', async () => {
    const { fleet, output, kills } = await runKilled({
      seed: 7,
      clusters: { [WEB]: { helm: [{ release: 'istiod', outcome: 'rolled-back', version: '1.30' }] } },
    });
    expect(output).toMatchObject({ outcome: 'rolled-back', rollout: KEY });
    for (const step of ['OpenMergeRequest back', 'AnalyzeFailure', 'Announce', 'AwaitMerge back', 'Settle']) {
      expect(kills).toEqual(expect.arrayContaining([`${step}: begin`, `${step}: end`]));
    }
    expect(await gitlabRest(fleet).requests()).toMatchObject([
      { state: 'merged', source_branch: `guard/upgrade/${KEY}` },
      { state: 'merged', source_branch: `guard/rollback/${KEY}` },
    ]);
    expect(await statuses(fleet)).toEqual(['failed-upgrade (rolled-back)', 'failed-upgrade (rolled-back)']);
    expect(await held(fleet)).toEqual([]);
  });
});
