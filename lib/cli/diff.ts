import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Cluster } from '../domain/cluster.js';
import { UsageError } from '../domain/errors.js';
import { isExactVersion } from '../domain/version.js';
import { type Plan, planChange } from '../gitops/plan.js';
import { gitopsTarget } from '../targets/gitops.js';
import { guarded } from './errors.js';
import { connectGit, type GitRemote } from './git-remote.js';
import { EXIT, type Io } from './io.js';
import { sayRefused } from './plan-text.js';

interface Options {
  batch: string;
  targetVersion: string;
  target: string;
  format: string;
  structural?: boolean;
  addDependsOn?: boolean;
}

/** `guard diff`: the change of a batch on the target branch as GitLab has it now. Reads only. */
export function register(
  program: Command,
  io: Io,
  connect: (io: Io, options: { config?: string }) => GitRemote = connectGit,
): void {
  program
    .command('diff')
    .description('show the change that moves a batch, computed on its project in GitLab; writes nothing')
    .requiredOption('--batch <name>', 'the batch, as in the registry')
    .requiredOption('--target-version <version>', 'one exact version, as in 1.30.2')
    .option('--target <name>', 'what is upgraded: istio, cert-manager, ..., or helm:CHART', 'istio')
    .option('--format <unified|yaml>', 'a unified diff, or the edits as a YAML list', 'unified')
    .option('--structural', 'insert overrides where a place is shared beyond the wave, or copy a folder')
    .option('--no-structural', 'refuse instead, whatever gitops.structural says')
    .option('--add-depends-on', 'also add a dependsOn that is missing between the releases')
    .option('--no-add-depends-on', 'only show it, whatever gitops.add_depends_on says')
    .addHelpText('after', '\nExit codes: 0 it can be made, 3 refused, 2 usage.')
    .action((options: Options) =>
      guarded(io, async () => {
        check(options);
        await run(options, connect(io, program.opts<{ config?: string }>()), io);
      }),
    );
}

function check({ targetVersion, format, target }: Options): void {
  gitopsTarget(target);
  if (!isExactVersion(targetVersion))
    throw new UsageError(
      `--target-version ${targetVersion}: is not one exact version; give one such as 1.30.2`,
    );
  if (format !== 'unified' && format !== 'yaml')
    throw new UsageError(`--format ${format}: use unified or yaml`);
}

async function run(options: Options, on: GitRemote, io: Io): Promise<void> {
  const fleet = await on.registry.all();
  const members = fleet.filter((cluster) => cluster.batch_id === options.batch);
  if (members.length === 0) {
    const batches = [...new Set(fleet.map((cluster) => cluster.batch_id))].sort();
    throw new UsageError(
      `--batch ${options.batch}: no cluster is in it; the registry has ${batches.join(', ') || 'no clusters'}`,
    );
  }
  const projects = [...new Set(members.map((cluster) => cluster.gitlab_repo))].sort();
  const plans: { project: string; plan: Plan }[] = [];
  for (const project of projects)
    plans.push({ project, plan: await planIn(project, members, fleet, options, on) });
  for (const { plan } of plans) {
    for (const warning of plan.warnings) io.err(`guard: warning: ${warning}`);
    sayRefused(plan.refused, io);
  }
  // Half of a batch is no answer: with one refusal nothing of it can be made.
  if (plans.some(({ plan }) => plan.refused.length > 0)) {
    io.exit(EXIT.refused);
    return;
  }
  io.out(options.format === 'yaml' ? asYaml(plans) : asText(plans));
}

async function planIn(
  project: string,
  members: readonly Cluster[],
  fleet: readonly Cluster[],
  options: Options,
  on: GitRemote,
): Promise<Plan> {
  const { files } = await on.git.snapshot(project, on.config.gitlab.default_target_branch);
  const wave = members.filter((cluster) => cluster.gitlab_repo === project);
  return planChange({
    tree: files,
    fleet: fleet.filter((cluster) => cluster.gitlab_repo === project),
    wave: new Map(wave.map((cluster) => [cluster.cluster_id, options.targetVersion])),
    target: gitopsTarget(options.target),
    structural: options.structural ?? on.config.gitops.structural,
    addDependsOn: options.addDependsOn ?? on.config.gitops.add_depends_on,
  });
}

function asText(plans: readonly { project: string; plan: Plan }[]): string {
  const text = plans
    .map(({ project, plan }) => (plans.length > 1 && plan.diff !== '' ? `# ${project}\n` : '') + plan.diff)
    .join('')
    .replace(/\n$/, '');
  return text === '' ? 'nothing to change' : text;
}

/** Every edit with its place; those that only move along say why. */
function asYaml(plans: readonly { project: string; plan: Plan }[]): string {
  const edits = plans.flatMap(({ project, plan }) =>
    [...plan.edits, ...plan.coupled].map((edit) => ({ project, ...edit })),
  );
  return stringify(edits).trimEnd();
}
