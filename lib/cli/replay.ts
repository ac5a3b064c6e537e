import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { type Policy, parsePolicy } from '../analysis/policy.js';
import { type ReplayResult, type ReplaySummary, replayRecording, summarize } from '../analysis/replay.js';
import { messageOf, UsageError } from '../domain/errors.js';
import { EXIT, type Io } from './io.js';

/** `guard replay FILE...`: what a policy would have decided about recorded rollouts, and when. */
export function register(program: Command, io: Io): void {
  program
    .command('replay')
    .description('what a policy would have decided about recorded rollouts, and when')
    .argument('<file...>', 'recordings (JSON Lines)')
    .option('--policy <file>', 'policy (YAML): validation as in guard.yaml, and metrics with their limits')
    .option('--json', 'one JSON document')
    .action((files: string[], options: { policy?: string; json?: boolean }) => replay(files, options, io));
}

async function replay(
  files: readonly string[],
  options: { policy?: string; json?: boolean },
  io: Io,
): Promise<void> {
  const results: ReplayResult[] = [];
  let policy: Policy;
  try {
    policy = await readPolicy(options.policy, io);
  } catch (error) {
    io.err(messageOf(error));
    return io.exit(EXIT.usage);
  }
  for (const file of files) {
    const stream = createReadStream(resolve(io.cwd, file));
    // A file that cannot be opened ends the lines silently unless the error is handed on.
    const opened = new Promise<void>((done, fail) => stream.once('open', () => done()).once('error', fail));
    try {
      await opened;
      results.push(await replayRecording(file, createInterface({ input: stream, crlfDelay: 1000 }), policy));
      if (!options.json) io.out(lineOf(results[results.length - 1]!));
    } catch (error) {
      const said = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : messageOf(error);
      io.err(said.startsWith(file) ? said : `${file}: ${said}`);
      io.exit(error instanceof UsageError ? EXIT.usage : EXIT.failed);
    } finally {
      stream.destroy();
    }
  }
  const summary = summarize(results);
  if (options.json) io.out(JSON.stringify({ files: results, summary }, null, 2));
  else if (results.length > 0) io.out(summaryOf(summary));
}

async function readPolicy(file: string | undefined, io: Io): Promise<Policy> {
  if (!file) return parsePolicy(undefined);
  try {
    return parsePolicy(parse(await readFile(resolve(io.cwd, file), 'utf8')), file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(`${file}: ${missing ? 'no such file' : messageOf(error).split('\n')[0]}`);
  }
}

function lineOf(result: ReplayResult): string {
  const when = result.decidedAt ? `at ${result.decidedAt}, ` : '';
  // Without a decision the first reason only says so; the second says why.
  const why = result.reasons.slice(0, result.decidedAt ? 1 : 2).join('; ');
  return `${result.file}: ${result.verdict} ${when}after ${result.pointsAfterChange} measurements: ${why}`;
}

function summaryOf(summary: ReplaySummary): string {
  const counts = Object.entries(summary.verdicts)
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdict}`);
  const lines = [`${summary.files} rollouts: ${counts.join(', ')}`];
  const { falseRollbacks, misses, medianDetectPoints } = summary;
  const share = ({ count, of, rate }: { count: number; of: number; rate: number }) =>
    `${count} of ${of} (${(rate * 100).toFixed(1)} %)`;
  if (falseRollbacks) lines.push(`false rollbacks: ${share(falseRollbacks)}`);
  if (misses) lines.push(`missed regressions: ${share(misses)}`);
  if (medianDetectPoints !== undefined) lines.push(`found after ${medianDetectPoints} measurements (median)`);
  return lines.join('\n');
}
