import { setTimeout as sleep } from 'node:timers/promises';
import { executionName, type Rollout, rolloutKey } from '../../domain/rollout.js';
import { rolloutInput, settleOutput } from '../../phases/contracts.js';
import { journalKeys } from '../../ports/journal-keys.js';
import type { LocalFleet } from '../../simulation/fleet.js';
import { type Progress, readProgress } from '../status.js';
import type { RolloutReport } from './report.js';
import type { Show } from './show.js';

const POLL_MS = 60;

/** Runs one rollout as `guard run --watch` would, over the same wires, and shows what happens. */
export async function runOne(
  fleet: LocalFleet,
  name: { target: string; version: string; batch: string },
  show: Show,
): Promise<RolloutReport> {
  const { executions, journal } = fleet.remote;
  const begunAt = fleet.clock.now();
  const rolloutName = { ...name, attempt: 1 };
  const key = rolloutKey(rolloutName);
  const input = rolloutInput.parse({ ...name, requested_by: 'demo' });
  const { arn } = await executions.start(executionName(rolloutName, begunAt.toString(36)), input);
  for (;;) {
    const rollout = await journal.rollout(key);
    if (rollout) show.progress(await snapshotOf(rollout, fleet));
    const execution = await executions.describe(arn);
    if (execution && execution.status !== 'RUNNING') {
      const ended = (await journal.rollout(key)) ?? rollout;
      if (ended) show.progress(await snapshotOf(ended, fleet));
      const output = settleOutput.safeParse(JSON.parse(execution.output ?? 'null'));
      return report(
        name,
        arn,
        ended,
        output.success
          ? output.data
          : { outcome: 'unverified', verdict: null, reason: execution.cause ?? execution.status },
        begunAt,
        fleet,
      );
    }
    await sleep(POLL_MS);
  }
}

/** What a viewer sees of a rollout at one moment. */
export interface Moment {
  readonly at: number;
  readonly rollout: Rollout;
  readonly progress: Progress | undefined;
  readonly judgement: { at: string; verdict: string; reason: string } | undefined;
  readonly statuses: ReadonlyMap<string, string>;
}

async function snapshotOf(rollout: Rollout, fleet: LocalFleet): Promise<Moment> {
  const [progress, judgements, clusters] = await Promise.all([
    readProgress(rollout, fleet.remote.journal),
    fleet.remote.journal.records(
      journalKeys.rollout(rollout.key),
      journalKeys.judgement(rollout.phase === 'soaking back' ? 'back' : 'forward'),
    ),
    fleet.remote.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id)),
  ]);
  return {
    at: fleet.clock.now(),
    rollout,
    progress,
    judgement: judgements[0] as unknown as Moment['judgement'],
    statuses: new Map(clusters.map((cluster) => [cluster.cluster_id, cluster.status])),
  };
}

async function report(
  name: { target: string; version: string; batch: string },
  arn: string,
  rollout: Rollout | undefined,
  ended: { outcome: RolloutReport['outcome']; verdict: RolloutReport['verdict']; reason: string },
  begunAt: number,
  fleet: LocalFleet,
): Promise<RolloutReport> {
  const members = await fleet.remote.registry.batch(name.batch);
  const refs = [
    { kind: 'upgrade' as const, ref: rollout?.upgrade },
    { kind: 'rollback' as const, ref: rollout?.rollback },
  ];
  const mergeRequests = await Promise.all(
    refs.flatMap(({ kind, ref }) =>
      ref && rollout
        ? [
            fleet.git.mergeRequest(rollout.project, { iid: ref.iid }).then((request) => ({
              iid: ref.iid,
              kind,
              state: request?.state ?? 'missing',
              commits: request?.commits ?? 0,
              url: ref.url,
            })),
          ]
        : [],
    ),
  );
  const stats = fleet.engine.executions.stats(arn);
  return {
    batch: name.batch,
    target: name.target,
    to: name.version,
    outcome: ended.outcome,
    verdict: ended.verdict,
    ...(ended.reason ? { reason: ended.reason } : {}),
    clusters: members.map((cluster) => {
      const mine = rollout?.clusters.find((entry) => entry.cluster_id === cluster.cluster_id);
      return {
        cluster_id: cluster.cluster_id,
        from: mine?.from ?? cluster.versions[name.target]?.current ?? null,
        version: cluster.versions[name.target]?.current ?? null,
        status: cluster.status,
        verdict: mine?.verdict ?? null,
      };
    }),
    mergeRequests,
    transitions: stats.transitions,
    events: stats.events,
    simulatedSeconds: Math.round((fleet.clock.now() - begunAt) / 1000),
  };
}
