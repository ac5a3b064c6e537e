import { resolve } from 'node:path';
import { UsageError } from '../domain/errors.js';
import { isExactVersion } from '../domain/version.js';
import { parseUpgradeSpec, type SpecUpdate } from '../gitops/upgrade-spec.js';
import { readText } from './tree-files.js';

/** What `--to` and `--spec` ask for together. @throws UsageError when they name no version, or two */
export function wantedOf(
  options: { readonly to?: string; readonly spec?: string },
  cwd: string,
): { version: string; updates: readonly SpecUpdate[] } {
  const spec = options.spec === undefined ? undefined : readSpec(options.spec, cwd);
  const version = options.to ?? spec?.version;
  if (version === undefined)
    throw new UsageError('give the version with --to, or an upgrade spec with --spec');
  if (!isExactVersion(version))
    throw new UsageError(`--to ${version}: is not one exact version; give one such as 1.30.2`);
  if (spec && spec.version !== version)
    throw new UsageError(`--to ${version}: ${options.spec} says ${spec.version}`);
  return { version, updates: spec?.updates ?? [] };
}

function readSpec(path: string, cwd: string): ReturnType<typeof parseUpgradeSpec> {
  const text = readText(resolve(cwd, path), path);
  if (text === undefined) throw new UsageError(`${path}: is not UTF-8`);
  return parseUpgradeSpec(text, path);
}
