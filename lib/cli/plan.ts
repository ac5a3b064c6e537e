import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { RefusedError } from '../domain/errors.js';
import { netFiles, type Plan, planChange } from '../gitops/plan.js';
import { gitopsTarget } from '../targets/gitops.js';
import { guarded } from './errors.js';
import { chooseWave, type OfflineMember, readFleet } from './fleet-file.js';
import { EXIT, type Io } from './io.js';
import { sayRefused } from './plan-text.js';
import { loadTree } from './tree-files.js';
import { wantedOf } from './wanted.js';
import { writeAll } from './write-files.js';

interface Options {
  tree: string;
  clusters: string;
  batch?: string;
  only?: string;
  target: string;
  to?: string;
  spec?: string;
  addDependsOn?: boolean;
  json?: boolean;
  write?: boolean;
  structural?: boolean;
}

/** `guard plan`: what would change in a Git tree to move a wave, and whom it would reach. No network. */
export function register(program: Command, io: Io): void {
  program
    .command('plan')
    .description(
      'show, without any network, the change of a Git tree that moves exactly one wave of clusters',
    )
    .requiredOption('--tree <dir>', 'the working copy of the GitOps repository')
    .requiredOption(
      '--clusters <fleet>',
      'the whole fleet: a registry file (JSON), or names: a,b or a=clusters/a',
    )
    .option('--batch <name>', 'the wave: all clusters of this batch')
    .option('--only <names>', 'the wave: these clusters, comma-separated')
    .requiredOption('--target <name>', 'what is upgraded: istio, cert-manager, ..., or helm:CHART')
    .option('--to <version>', 'one exact version')
    .option('--spec <file>', 'an upgrade spec: version, and updates as a list of {path, value}')
    .option(
      '--structural',
      'where a place is shared with others: insert an override for the wave, or copy a folder of the old version',
    )
    .option('--add-depends-on', 'also add a dependsOn that is missing between the releases')
    .option('--write', 'make the change in the tree, all files or none')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit codes: 0 it can be made, 3 refused (nothing is written), 2 usage.')
    .action((options: Options) => guarded(io, async () => run(options, io)));
}

function run(options: Options, io: Io): void {
  const target = gitopsTarget(options.target);
  const { version, updates } = wantedOf(options, io.cwd);
  const all = readFleet(options.clusters, io.cwd);
  const wave = chooseWave(all, options.batch, options.only);
  const fleet = sameRepository(all, wave);
  const { root, files, left } = loadTree(resolve(io.cwd, options.tree), options.tree);
  for (const line of left) io.err(`guard: note: ${line}`);
  const plan = planChange({
    tree: files,
    fleet,
    wave: new Map(wave.map((member) => [member.cluster_id, version])),
    target,
    structural: options.structural === true,
    addDependsOn: options.addDependsOn === true,
    updates,
  });
  for (const warning of plan.warnings) io.err(`guard: warning: ${warning}`);
  if (options.json) io.out(JSON.stringify(forPrograms(plan), null, 2));
  else print(plan, io);
  if (plan.refused.length > 0) {
    sayRefused(plan.refused, io);
    io.exit(EXIT.refused);
    return;
  }
  if (!options.write) return;
  const edits = netFiles(plan.commits);
  writeAll(edits, (path) => join(root, path));
  if (!options.json) io.out(`${edits.length} ${edits.length === 1 ? 'file' : 'files'} written`);
}

/** One plan is about one repository: the wave's. @throws RefusedError */
function sameRepository(all: readonly OfflineMember[], wave: readonly OfflineMember[]): OfflineMember[] {
  const projects = new Set(wave.map((member) => member.gitlab_repo));
  if (projects.size > 1) {
    throw new RefusedError(
      `the wave spans ${projects.size} repositories (${[...projects].join(', ')}); plan one at a time`,
    );
  }
  const project = wave[0]?.gitlab_repo;
  return all.filter(
    (member) => member.gitlab_repo === undefined || project === undefined || member.gitlab_repo === project,
  );
}

/** What programs read; warnings are for people and go to stderr. */
function forPrograms(plan: Plan): Record<string, unknown> {
  const { clusters, reach, edits, coupled, diff } = plan;
  const refused = plan.refused.map(({ reason, clusters: named, hint }) => ({
    reason,
    clusters: named,
    hint,
  }));
  return { clusters, reach, edits, coupled, refused, diff };
}

function print(plan: Plan, io: Io): void {
  for (const row of plan.clusters) {
    const where = `${row.file}${row.doc > 0 ? ` (document ${row.doc})` : ''} ${row.path}`;
    io.out(`${row.cluster}: ${row.from || '(none)'} -> ${row.to}  ${where} (${row.class})`);
  }
  for (const one of plan.coupled)
    io.out(`together with it: ${one.file} ${one.path} ${one.from} -> ${one.to} (${one.reason})`);
  if (plan.refused.length > 0) return;
  io.out(plan.diff === '' ? 'nothing to change' : `\n${plan.diff.replace(/\n$/, '')}`);
}
