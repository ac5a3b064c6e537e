import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { functionName } from '../config/names.js';
import { messageOf, UsageError } from '../domain/errors.js';

const EXTENSION = '.asl.yaml';

/**
 * The state machines of a folder: `rollout.asl.yaml` is `guard-rollout`. Placeholders `${CheckCluster}` become
 * the functions' names, as the infrastructure does at deployment.
 *
 * @throws UsageError naming the file and every placeholder that no handler has, or the YAML that cannot be read
 */
export function loadMachines(folder: string, handlers: readonly string[]): Record<string, unknown> {
  const machines: Record<string, unknown> = {};
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(EXTENSION)) continue;
    const path = join(folder, file);
    const text = substitute(path, readFileSync(path, 'utf8'), handlers);
    try {
      // Aliases share one retry policy among all tasks; the parser's limit is for files of strangers.
      machines[`guard-${file.slice(0, -EXTENSION.length)}`] = parse(text, { maxAliasCount: -1 });
    } catch (error) {
      throw new UsageError(`${path}: ${messageOf(error)}`, { cause: error });
    }
  }
  return machines;
}

function substitute(path: string, text: string, handlers: readonly string[]): string {
  const missing = new Set<string>();
  const replaced = text.replace(/\$\{([^}]*)\}/g, (placeholder, name: string) => {
    if (handlers.includes(name)) return functionName(name);
    missing.add(placeholder);
    return placeholder;
  });
  if (missing.size > 0) {
    throw new UsageError(`${path}: no handler in lambdas/ for ${[...missing].join(', ')}`);
  }
  return replaced;
}
