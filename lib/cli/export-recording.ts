import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { type RecordedRollout, recordingLines } from '../analysis/recording-export.js';
import { UsageError } from '../domain/errors.js';
import type { Rollout } from '../domain/rollout.js';
import { splitRequests } from '../phases/support/measurements.js';
import { loadSeries, type SoakRecord } from '../phases/support/series-store.js';
import type { Journal } from '../ports/journal.js';
import { journalKeys } from '../ports/journal-keys.js';
import { guarded } from './errors.js';
import type { Io } from './io.js';
import { connectJournal } from './remote.js';

export interface WhichRollout {
  readonly batch: string;
  readonly target: string;
  /** Its key; default: the newest of the batch whose soak has ended. */
  readonly rollout?: string;
}

/** `guard export-recording`: what a rollout's soak measured, for `guard replay`. */
export function register(program: Command, io: Io): void {
  program
    .command('export-recording')
    .description('what was measured before and in the soak of a rollout, as a recording for guard replay')
    .requiredOption('--batch <name>', 'whose rollout')
    .option('--target <name>', 'what was upgraded', 'istio')
    .option(
      '--rollout <key>',
      'one of its rollouts, as guard status names it (default: the newest that soaked)',
    )
    .option('--output <file>', 'where to write it (default: stdout)')
    .action((options: WhichRollout & { output?: string }) =>
      guarded(io, async () => {
        const journal = connectJournal(io, program.opts<{ config?: string }>());
        await exportRecording(journal, options, io);
      }),
    );
}

/** @throws UsageError when there is no such rollout, or none that has soaked. */
export async function exportRecording(
  journal: Journal,
  options: WhichRollout & { readonly output?: string },
  io: Pick<Io, 'out' | 'err' | 'cwd'>,
): Promise<void> {
  const { rollout, recorded } = await recordedRollout(journal, options);
  const lines = recordingLines(recorded);
  if (options.output === undefined) {
    for (const line of lines) io.out(line);
    return;
  }
  await pipeline(Readable.from(withEnds(lines)), createWriteStream(resolve(io.cwd, options.output)));
  io.err(`${rollout.key}: written to ${options.output}`);
}

async function recordedRollout(
  journal: Journal,
  { batch, target, rollout: key }: WhichRollout,
): Promise<{ rollout: Rollout; recorded: RecordedRollout }> {
  const all = await journal.rollouts({ target, batch });
  const wanted = key === undefined ? all.toReversed() : all.filter((rollout) => rollout.key === key);
  if (wanted.length === 0) {
    const known = all.map((rollout) => rollout.key).join(', ') || 'none';
    throw new UsageError(
      `no rollout ${key ?? `of ${target}`} of batch '${batch}' is known; there is ${known}: guard status --batch ${batch} shows them`,
    );
  }
  for (const rollout of wanted) {
    const [kept] = await journal.records(journalKeys.rollout(rollout.key), journalKeys.soak('forward'));
    if (kept) {
      const soak = kept as unknown as SoakRecord;
      return { rollout, recorded: await recordedFrom(journal, rollout, soak) };
    }
  }
  throw new UsageError(
    `${wanted[0]!.key} has no soak that ended, so there is nothing to record; guard status --batch ${batch} tells where it is`,
  );
}

async function recordedFrom(journal: Journal, rollout: Rollout, soak: SoakRecord): Promise<RecordedRollout> {
  const [before, earlier, after] = await Promise.all([
    loadSeries({ journal }, rollout.key, 'baseline').then(splitRequests),
    loadSeries({ journal }, rollout.key, 'earlier').then(splitRequests),
    loadSeries({ journal }, rollout.key, 'soak-forward').then(splitRequests),
  ]);
  return {
    target: rollout.target,
    batch: rollout.batch,
    from: [...new Set(rollout.clusters.map(({ from }) => from))].join(', '),
    to: rollout.version,
    changedAt: Date.parse(soak.startedAt),
    upgraded: rollout.clusters.map(({ cluster_id }) => cluster_id),
    control: soak.control,
    metrics: soak.metrics,
    baseline: before.judged,
    earlier: earlier.judged,
    soak: after.judged,
    requests: [...earlier.requests, ...before.requests, ...after.requests],
  };
}

function* withEnds(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`;
}
