import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Rollout, splitBatch } from '../domain/rollout.js';
import type { Journal } from '../ports/journal.js';
import { journalKeys } from '../ports/journal-keys.js';
import { guarded } from './errors.js';
import { formatOption } from './format-option.js';
import { examples } from './help.js';
import type { Io } from './io.js';
import { refuseUnknown } from './known.js';
import { connect, type Remote } from './remote.js';
import { failedChecks, judgementLines, readJudgements, readReports } from './status-evidence.js';
import { table } from './table.js';

const WATCH_MS = 2_000;

export interface Progress {
  readonly phase: string;
  readonly clusters: readonly {
    cluster_id: string;
    state: string;
    message: string;
    notes?: readonly string[];
  }[];
}

/** `guard status`: what is going on, cluster by cluster, and the evidence of the last judgement. */
export function register(program: Command, io: Io): void {
  program
    .command('status')
    .description('rollouts: all that are open, or those of a batch with their clusters and evidence')
    .option('--batch <name>', 'one batch, in detail')
    .option('--target <name>', 'what is upgraded', 'istio')
    .option(
      '--watch',
      'again whenever something has changed, until the rollout of the batch has ended (or Ctrl-C)',
    )
    .addOption(formatOption())
    .addHelpText(
      'after',
      examples(
        ['guard status', 'what is open'],
        ['guard status --batch dev-wave-1', 'one batch, cluster by cluster, with the evidence'],
        ['guard status --batch dev-wave-1 --watch', 'until it has ended'],
      ),
    )
    .action((options: { batch?: string; target: string; watch?: boolean; format: string }) =>
      guarded(io, async () => {
        const on = await connect(io, program.opts<{ config?: string }>());
        let said = '';
        for (;;) {
          const { text, ended } = await statusText(on, options);
          if (text !== said) io.out(said === '' ? text : `\n${text}`);
          said = text;
          if (!options.watch || ended) return;
          await sleep(WATCH_MS);
        }
      }),
    );
}

async function statusText(
  on: Remote,
  { batch, target, format }: { batch?: string; target: string; format: string },
): Promise<{ text: string; ended: boolean }> {
  if (!batch) {
    const open = await on.journal.rollouts({ open: true });
    if (format === 'json') return { text: JSON.stringify(open, null, 2), ended: false };
    if (open.length === 0)
      return { text: 'no rollout is running; guard list shows the clusters', ended: false };
    return { text: rolloutTable(open), ended: false };
  }
  const rollouts = await on.journal.rollouts({ target, batch });
  const latest = rollouts.at(-1);
  if (!latest || (latest.outcome !== undefined && (await anyOpenOfClusters(on, target, batch)))) {
    const single = await rolloutsOfClusters(on, target, batch);
    if (single.length === 0) await refuseUnknown(on.registry, { target, batch });
    const ended = single.every((rollout) => rollout.outcome !== undefined);
    if (format === 'json') return { text: JSON.stringify(single, null, 2), ended };
    if (single.length > 0) return { text: rolloutTable(single), ended };
    return { text: `no rollout of ${target} is known for batch '${batch}'`, ended };
  }
  const ended = latest.outcome !== undefined;
  const [progress, judgements, reports] = await Promise.all([
    readProgress(latest, on.journal),
    readJudgements(latest, on.journal),
    readReports(latest, on.journal),
  ]);
  const earlier = rollouts.slice(0, -1);
  if (format === 'json')
    return {
      text: JSON.stringify({ rollout: latest, progress, judgements, reports, earlier }, null, 2),
      ended,
    };
  const parts = [
    describeRollout(latest),
    await clusterLines(latest, progress, on),
    failedChecks(reports),
    ...judgements.map(judgementLines),
  ];
  return { text: parts.filter(Boolean).join('\n\n'), ended };
}

async function anyOpenOfClusters(on: Remote, target: string, batch: string): Promise<boolean> {
  const open = await on.journal.rollouts({ open: true });
  return open.some(
    (rollout) =>
      rollout.target === target && splitBatch(rollout.batch).batch === batch && rollout.batch !== batch,
  );
}

/** Of a batch whose clusters each have a rollout, and a merge request, of their own: the latest of each. */
export async function rolloutsOfClusters(on: Remote, target: string, batch: string): Promise<Rollout[]> {
  const members = await on.registry.batch(batch);
  const found = await Promise.all(
    members.map(({ cluster_id }) => on.journal.rollouts({ target, batch: `${batch}@${cluster_id}` })),
  );
  return found.flatMap((rollouts) => rollouts.slice(-1));
}

function rolloutTable(rollouts: readonly Rollout[]): string {
  return table(
    ['ROLLOUT', 'PHASE', 'CLUSTERS', 'SINCE', 'MERGE REQUEST'],
    rollouts.map((rollout) => [
      rollout.key,
      rollout.outcome ?? phaseOf(rollout),
      String(rollout.clusters.length),
      rollout.updatedAt,
      rollout.rollback?.url ?? rollout.upgrade?.url ?? '-',
    ]),
  );
}

export function describeRollout(rollout: Rollout): string {
  const lines = [`${rollout.key}: ${endOf(rollout) ?? phaseOf(rollout)}`];
  if (rollout.reason) lines.push(`  ${rollout.reason}`);
  if (rollout.upgrade)
    lines.push(
      `  upgrade   !${rollout.upgrade.iid} ${rollout.upgrade.url}${rollout.upgrade.mergedAt ? ` (merged ${rollout.upgrade.mergedAt})` : ''}`,
    );
  if (rollout.rollback)
    lines.push(
      `  rollback  !${rollout.rollback.iid} ${rollout.rollback.url}${rollout.rollback.mergedAt ? ` (merged ${rollout.rollback.mergedAt})` : ''}`,
    );
  if (rollout.request)
    lines.push(`  asked by ${rollout.request.by}: ${rollout.request.kind} (${rollout.request.reason})`);
  return lines.join('\n');
}

/** What the machine is doing; a dry run takes the step that opens the merge request only to compute the change. */
export function phaseOf({ phase, dryRun }: Rollout): string {
  return dryRun && phase === 'opening the merge request' ? 'computing the change' : phase;
}

/** A dry run holds nobody, so the machine calls it cancelled; what people want to know is that it passed. */
export function endOf({ outcome, dryRun, verdict }: Rollout): string | undefined {
  return dryRun && outcome === 'cancelled' && verdict === 'passed' ? 'fit to be upgraded' : outcome;
}

async function clusterLines(rollout: Rollout, progress: Progress | undefined, on: Remote): Promise<string> {
  const clusters = await on.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id));
  return table(
    ['CLUSTER', 'FROM', 'STATUS', 'VERDICT', 'LAST SEEN'],
    rollout.clusters.map(({ cluster_id, from, verdict }) => {
      const step = progress?.clusters.find((entry) => entry.cluster_id === cluster_id);
      return [
        cluster_id,
        from,
        clusters.find((cluster) => cluster.cluster_id === cluster_id)?.status ?? 'gone',
        verdict ?? '-',
        step ? [step.message, ...(step.notes ?? [])].join('; ') : '-',
      ];
    }),
  );
}

export async function readProgress(rollout: Rollout, journal: Journal): Promise<Progress | undefined> {
  const direction = rollout.rollback ? 'back' : 'forward';
  const [record] = await journal.records(journalKeys.rollout(rollout.key), journalKeys.progress(direction));
  return record as unknown as Progress | undefined;
}
