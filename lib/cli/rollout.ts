import type { Command } from 'commander';
import { RefusedError, UsageError } from '../domain/errors.js';
import type { Rollout } from '../domain/rollout.js';
import { isExactVersion } from '../domain/version.js';
import type { RolloutInput } from '../phases/contracts.js';
import { rolloutInput } from '../phases/contracts.js';
import { guarded } from './errors.js';
import { exitCodeOf, follow } from './follow.js';
import { formatOption, noteTo } from './format-option.js';
import { examples } from './help.js';
import type { Io } from './io.js';
import { connect, type Remote } from './remote.js';
import { ask, type Begun, latestRollout, runningExecution, startAgain, startAndName } from './start.js';

interface RunOptions {
  batch: string;
  targetVersion: string;
  target: string;
  dryRun?: boolean;
  structural?: boolean;
  addDependsOn?: boolean;
  parallelism?: string;
  mrStrategy?: string;
  watch?: boolean;
  format: string;
}

/** `guard run`, `monitor`, `rollback`, `cancel`, `resume`: what moves rollouts. */
export function register(program: Command, io: Io): void {
  const remote = () => connect(io, program.opts<{ config?: string }>());

  program
    .command('run')
    .description('check a batch and open the merge request that moves it; returns when it is open')
    .requiredOption('--batch <name>', 'the batch, as in the registry')
    .requiredOption('--target-version <version>', 'one exact version, as in 1.30.2')
    .option('--target <name>', 'what is upgraded', 'istio')
    .option('--dry-run', 'check and compute the change, but write nothing to Git and hold no cluster')
    .option('--structural', 'insert overrides where a place is shared beyond the wave, or copy a folder')
    .option('--no-structural', 'refuse instead, whatever gitops.structural says')
    .option('--add-depends-on', 'also add a dependsOn that is missing between the releases')
    .option('--no-add-depends-on', 'only show it, whatever gitops.add_depends_on says')
    .option('--parallelism <number>', 'clusters that are checked at once (default: the configuration)')
    .option('--mr-strategy <strategy>', 'batch or per-cluster (default: the configuration)')
    .option('--watch', 'follow to the end')
    .addOption(formatOption('lines for people, one JSON document for programs'))
    .addHelpText(
      'after',
      examples(
        ['guard run --batch test --target-version 1.30.2', 'until the merge request is open'],
        ['guard run --batch test --target-version 1.30.2 --dry-run', 'only checks and computes the change'],
        ['guard run --batch test --target-version 1.30.2 --watch', 'to the end'],
        [
          'guard run --batch test --target-version 1.30.2 --mr-strategy per-cluster',
          'one merge request each',
        ],
      ),
    )
    .action((options: RunOptions) =>
      guarded(io, async () => {
        await run(options, await remote(), io);
      }),
    );

  program
    .command('monitor')
    .description(
      'watch what was merged: Flux, restart, soak, final checks. Follows a rollout that is running',
    )
    .requiredOption('--batch <name>')
    .option('--target <name>', 'what is upgraded', 'istio')
    .addOption(formatOption('lines for people, one JSON document for programs'))
    .addHelpText(
      'after',
      examples(['guard monitor --batch test', 'follows what runs; else verifies again what was merged']),
    )
    .action((options: { batch: string; target: string; format: string }) =>
      guarded(io, async () => {
        const on = await remote();
        const latest = await latestRollout(on, options);
        if (await runningExecution(on, latest)) {
          await follow(latest.key, undefined, on, io, options);
          return;
        }
        const { execution, begun } = await startAgain(latest, 'verify', 'guard monitor', on);
        await follow(latest.key, execution, on, io, { ...options, begun });
      }),
    );

  program
    .command('rollback')
    .description(
      'put a batch back to the versions it had: a running rollout obeys at its next step, else a new one starts',
    )
    .requiredOption('--batch <name>')
    .option('--target <name>', 'what was upgraded', 'istio')
    .option('--reason <text>', 'why, for the merge request', 'asked for by hand')
    .option('--watch', 'follow to the end')
    .addOption(formatOption('lines for people, one JSON document for programs'))
    .addHelpText(
      'after',
      examples(
        ["guard rollback --batch test --reason 'checkout is slow'", 'opens the rollback merge request'],
        ['guard rollback --batch test --watch', 'and follows it to the end'],
      ),
    )
    .action((options: { batch: string; target: string; reason: string; watch?: boolean; format: string }) =>
      guarded(io, async () => {
        const on = await remote();
        const latest = await latestRollout(on, options);
        if (!(await runningExecution(on, latest))) {
          const { execution, begun } = await startAgain(latest, 'roll-back', options.reason, on);
          await follow(latest.key, execution, on, io, { ...untilOf(options), begun });
          return;
        }
        if (latest.rollback)
          throw new RefusedError(
            `rollout ${latest.key} is being rolled back already (${latest.phase}): !${latest.rollback.iid} ${latest.rollback.url}`,
          );
        const asked = await ask(latest, 'rollback', options.reason, on);
        const told = `rollout ${latest.key} is asked to roll back; its next step obeys (guard status --batch ${options.batch})`;
        if (!options.watch) say(asked, told, options.format, io);
        else await follow(latest.key, undefined, on, io, { ...options, begun: told });
      }),
    );

  program
    .command('cancel')
    .description(
      'end a rollout: before the merge the request is closed and the clusters are free; after it they stay unverified',
    )
    .requiredOption('--batch <name>')
    .option('--target <name>', 'what is upgraded', 'istio')
    .option('--reason <text>', 'why, for the audit', 'cancelled by hand')
    .addOption(formatOption('a line for people, one JSON document for programs'))
    .addHelpText(
      'after',
      examples([
        "guard cancel --batch test --reason 'freeze'",
        'before the merge: closes the request, frees the clusters',
      ]),
    )
    .action((options: { batch: string; target: string; reason: string; format: string }) =>
      guarded(io, async () => {
        const on = await remote();
        const latest = await latestRollout(on, options);
        if (latest.outcome)
          throw new RefusedError(`rollout ${latest.key} is over (${latest.outcome}); nothing to cancel`);
        const asked = await ask(latest, 'cancel', options.reason, on);
        const told = `rollout ${latest.key} is asked to end (guard status --batch ${options.batch})`;
        say(asked, told, options.format, io);
      }),
    );

  program
    .command('resume')
    .description('go on with a rollout that was held, stopped or failed')
    .requiredOption('--batch <name>')
    .option('--target <name>', 'what is upgraded', 'istio')
    .option('--from <entry>', 'verify or roll-back (default: where it stopped, else verify)')
    .option('--watch', 'follow to the end')
    .addOption(formatOption('lines for people, one JSON document for programs'))
    .addHelpText(
      'after',
      examples(
        ['guard resume --batch test', 'where it stopped'],
        ['guard resume --batch test --from verify', 'looks again at what was merged'],
        ['guard resume --batch test --from roll-back', 'puts the old versions back'],
      ),
    )
    .action((options: { batch: string; target: string; from?: string; watch?: boolean; format: string }) =>
      guarded(io, async () => {
        if (options.from !== undefined && options.from !== 'verify' && options.from !== 'roll-back') {
          throw new UsageError(`--from ${options.from}: only verify or roll-back`);
        }
        const on = await remote();
        const latest = await latestRollout(on, options);
        const arn = latest.executions.at(-1);
        const execution = arn === undefined ? undefined : await on.executions.describe(arn);
        if (execution?.status === 'RUNNING')
          throw new RefusedError(`rollout ${latest.key} is running (${latest.phase}); nothing to resume`);
        if (options.from === undefined && (latest.outcome === 'healthy' || latest.outcome === 'rolled-back'))
          throw new RefusedError(
            `rollout ${latest.key} is over (${latest.outcome}); nothing to resume (--from verify looks at it again)`,
          );
        let again: Begun;
        if (options.from === undefined && latest.outcome === undefined && execution?.redrivable && arn) {
          await on.executions.redrive(arn);
          again = { execution: arn, begun: `execution of ${latest.key} goes on where it failed` };
        } else again = await startAgain(latest, options.from ?? 'verify', 'guard resume', on);
        await follow(latest.key, again.execution, on, io, { ...untilOf(options), begun: again.begun });
      }),
    );
}

/** To the end with `--watch`, else only until the rollout was let in. */
function untilOf({ watch, format }: { watch?: boolean; format: string }): {
  until: 'start' | 'end';
  format: string;
} {
  return { until: watch ? 'end' : 'start', format };
}

/** What was asked of a running rollout: a line for people, its record for programs. */
function say(asked: Rollout, told: string, format: string, io: Io): void {
  noteTo(io, format)(told);
  if (format === 'json') io.out(JSON.stringify(asked));
}

async function run(options: RunOptions, on: Remote, io: Io): Promise<unknown> {
  if (!isExactVersion(options.targetVersion)) {
    throw new UsageError(
      `--target-version ${options.targetVersion}: not one exact version; give three numbers, as in 1.30.2`,
    );
  }
  const parallelism = options.parallelism === undefined ? undefined : Number(options.parallelism);
  if (
    parallelism !== undefined &&
    !(Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= 40)
  ) {
    throw new UsageError(`--parallelism ${options.parallelism}: a whole number from 1 to 40`);
  }
  const strategy = options.mrStrategy ?? on.config.execution.mr_strategy;
  if (strategy !== 'batch' && strategy !== 'per-cluster')
    throw new UsageError(`--mr-strategy ${strategy}: batch or per-cluster`);
  const input: RolloutInput = rolloutInput.parse({
    target: options.target,
    version: options.targetVersion,
    batch: options.batch,
    dry_run: options.dryRun ?? false,
    ...(parallelism === undefined ? {} : { parallelism }),
    structural: options.structural,
    add_depends_on: options.addDependsOn,
    requested_by: on.who,
  });
  const until = options.watch ? 'end' : 'gate';
  if (strategy === 'batch' || input.dry_run)
    return follow(...(await startAndName(input, on)), on, io, { ...options, until });
  await runPerCluster(input, on, io, { ...options, until });
}

/**
 * One rollout, and one merge request, per cluster. The whole batch is checked first, by a dry run for each
 * repository: a cluster that does not pass halts all of them.
 */
async function runPerCluster(
  input: RolloutInput,
  on: Remote,
  io: Io,
  options: { until: 'gate' | 'end'; format: string },
): Promise<void> {
  const members = await on.registry.batch(input.batch);
  if (members.length === 0)
    throw new RefusedError(
      `batch '${input.batch}' has no clusters in the registry; guard list shows the batches`,
    );
  for (const project of new Set(members.map((cluster) => cluster.gitlab_repo))) {
    const clusters = members
      .filter((cluster) => cluster.gitlab_repo === project)
      .map((cluster) => cluster.cluster_id);
    const [key, execution] = await startAndName({ ...input, dry_run: true, clusters }, on);
    const checked = await follow(key, execution, on, quiet(io), { until: 'end' });
    if (checked?.verdict !== 'passed') {
      const ended = checked ?? { outcome: 'halted', verdict: null, reason: 'the checks did not pass' };
      io.out(options.format === 'json' ? JSON.stringify([ended]) : `${ended.outcome}: ${ended.reason}`);
      io.exit(exitCodeOf(checked?.outcome ?? 'halted'));
      return;
    }
  }
  const started: [string, string][] = [];
  for (const { cluster_id } of members)
    started.push(await startAndName({ ...input, batch: `${input.batch}@${cluster_id}` }, on));
  const documents: string[] = [];
  const each = options.format === 'json' ? { ...io, out: (text: string) => documents.push(text) } : io;
  for (const [key, execution] of started) await follow(key, execution, on, each, options);
  if (options.format === 'json') io.out(`[${documents.join(',')}]`);
}

function quiet(io: Io): Io {
  return { ...io, out: () => undefined, exit: () => undefined };
}
