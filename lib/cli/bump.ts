import { lstatSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { RefusedError, UsageError } from '../domain/errors.js';
import { type Bump, bumpFiles } from '../gitops/bump.js';
import { LIMITS } from '../gitops/tree.js';
import { gitopsTarget } from '../targets/gitops.js';
import { guarded } from './errors.js';
import { EXIT, type Io } from './io.js';
import { readText } from './tree-files.js';
import { wantedOf } from './wanted.js';
import { writeAll } from './write-files.js';

interface Options {
  target: string;
  to?: string;
  spec?: string;
  json?: boolean;
  write?: boolean;
}

/** `guard bump`: the single-file form; only what the files themselves show is their evidence. No network. */
export function register(program: Command, io: Io): void {
  program
    .command('bump')
    .description("move a target's version tokens in single files; shows the diff, changes nothing else")
    .argument('<file...>', 'manifests')
    .requiredOption('--target <name>', 'what is upgraded: istio, cert-manager, ..., or helm:CHART')
    .option('--to <version>', 'one exact version')
    .option('--spec <file>', 'an upgrade spec: version, and updates as a list of {path, value}')
    .option('--write', 'make the change, all files or none')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit codes: 0 it can be made, 3 refused (nothing is written), 2 usage.')
    .action((files: string[], options: Options) => guarded(io, async () => run(files, options, io)));
}

function run(given: readonly string[], options: Options, io: Io): void {
  const target = gitopsTarget(options.target);
  const { version, updates } = wantedOf(options, io.cwd);
  const files = new Map<string, string>();
  for (const path of given) files.set(path, load(path, io.cwd));
  const bump = bumpFiles(files, target, version, updates);
  if (options.json) {
    const { edits, skipped, diff } = bump;
    io.out(JSON.stringify({ edits, skipped, diff }, null, 2));
  } else print(bump, io);
  if (bump.refused.length > 0) {
    for (const line of bump.refused) io.err(`guard: refused: ${line}`);
    io.exit(EXIT.refused);
    return;
  }
  if (!options.write || bump.files.length === 0) return;
  // A link is written where it leads: renaming over it would replace it by a file.
  writeAll(bump.files, (path) => realpathSync(resolve(io.cwd, path)));
  if (!options.json) io.out(`${bump.files.length} ${bump.files.length === 1 ? 'file' : 'files'} written`);
}

function load(path: string, cwd: string): string {
  const full = resolve(cwd, path);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  if (!stat) throw new UsageError(`${path}: no such file`);
  if (stat.isDirectory()) throw new UsageError(`${path}: is a folder; name files, or use guard plan`);
  if (stat.size > LIMITS.fileCharacters) {
    throw new RefusedError(`${path} has ${Math.round(stat.size / 1e6)} MB: more than a manifest may have`);
  }
  const text = readText(full, path);
  if (text === undefined) throw new RefusedError(`${path} is not UTF-8; its bytes cannot be kept exactly`);
  return text;
}

function print(bump: Bump, io: Io): void {
  for (const one of bump.edits) io.out(`${one.file} ${one.path}: ${one.from} -> ${one.to}`);
  for (const one of bump.skipped)
    io.err(`guard: left alone: ${one.file} ${one.path}: ${one.value} ${one.reason}`);
  if (bump.refused.length > 0) return;
  io.out(bump.diff === '' ? 'nothing to change' : `\n${bump.diff.replace(/\n$/, '')}`);
}
