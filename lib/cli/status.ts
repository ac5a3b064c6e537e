import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { EvidenceItem } from '../domain/evidence.js';
import type { Rollout } from '../domain/rollout.js';
import type { Journal } from '../ports/journal.js';
import { journalKeys } from '../ports/journal-keys.js';
import { guarded } from './errors.js';
import type { Io } from './io.js';
import { connect, type Remote } from './remote.js';
import { table } from './table.js';

export interface Progress {
  readonly phase: string;
  readonly clusters: readonly {
    cluster_id: string;
    state: string;
    message: string;
    notes?: readonly string[];
  }[];
}

interface Judgement {
  readonly at: string;
  readonly verdict: string;
  readonly reason: string;
  readonly evidence: readonly EvidenceItem[];
}

/** `guard status`: what is going on, cluster by cluster, and the evidence of the last judgement. */
export function register(program: Command, io: Io): void {
  program
    .command('status')
    .description('rollouts: all that are open, or those of a batch with their clusters and evidence')
    .option('--batch <name>', 'one batch, in detail')
    .option('--target <name>', 'what is upgraded', 'istio')
    .option('--watch', 'again every two seconds')
    .option('--format <table|json>', 'table for people, json for programs', 'table')
    .action((options: { batch?: string; target: string; watch?: boolean; format: string }) =>
      guarded(io, async () => {
        const on = await connect(io, program.opts<{ config?: string }>());
        do {
          io.out(await statusText(on, options));
          if (options.watch) await sleep(2_000);
        } while (options.watch);
      }),
    );
}

async function statusText(
  on: Remote,
  { batch, target, format }: { batch?: string; target: string; format: string },
): Promise<string> {
  if (!batch) {
    const open = await on.journal.rollouts({ open: true });
    if (format === 'json') return JSON.stringify(open, null, 2);
    if (open.length === 0) return 'no rollout is running; guard list shows the clusters';
    return table(
      ['ROLLOUT', 'PHASE', 'CLUSTERS', 'SINCE', 'MERGE REQUEST'],
      open.map((rollout) => [
        rollout.key,
        rollout.phase,
        String(rollout.clusters.length),
        rollout.updatedAt,
        rollout.rollback?.url ?? rollout.upgrade?.url ?? '-',
      ]),
    );
  }
  const rollouts = await on.journal.rollouts({ target, batch });
  const latest = rollouts.at(-1);
  if (!latest) return format === 'json' ? '[]' : `no rollout of ${target} is known for batch '${batch}'`;
  const [progress, judgement] = await Promise.all([
    readProgress(latest, on.journal),
    readJudgement(latest, on.journal),
  ]);
  if (format === 'json')
    return JSON.stringify({ rollout: latest, progress, judgement, earlier: rollouts.slice(0, -1) }, null, 2);
  return [describeRollout(latest), await clusterLines(latest, progress, on), judgementLines(judgement)]
    .filter(Boolean)
    .join('\n\n');
}

export function describeRollout(rollout: Rollout): string {
  const lines = [`${rollout.key}: ${rollout.outcome ?? rollout.phase}`];
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

function judgementLines(judgement: Judgement | undefined): string {
  if (!judgement) return '';
  const rows = judgement.evidence.map((item) => [
    item.label,
    text(item.value),
    text(item.baseline),
    text(item.control),
    text(item.limit),
    item.at ?? '-',
  ]);
  const head = `last measurement ${judgement.at}: ${judgement.verdict}: ${judgement.reason}`;
  return rows.length === 0
    ? head
    : `${head}\n${table(['EVIDENCE', 'VALUE', 'BASELINE', 'CONTROL', 'LIMIT', 'AT'], rows)}`;
}

function text(value: number | string | null | undefined): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : value;
}

export async function readProgress(rollout: Rollout, journal: Journal): Promise<Progress | undefined> {
  const direction = rollout.rollback ? 'back' : 'forward';
  const [record] = await journal.records(journalKeys.rollout(rollout.key), journalKeys.progress(direction));
  return record as unknown as Progress | undefined;
}

async function readJudgement(rollout: Rollout, journal: Journal): Promise<Judgement | undefined> {
  const [record] = await journal.records(journalKeys.rollout(rollout.key), journalKeys.judgement);
  return record as unknown as Judgement | undefined;
}
