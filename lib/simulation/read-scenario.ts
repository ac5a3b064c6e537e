import { readFileSync } from 'node:fs';
import { describeIssues } from '../config/describe-issues.js';
import { fail, parseYaml } from '../config/load.js';
import type { Cluster } from '../domain/cluster.js';
import { UsageError } from '../domain/errors.js';
import type { Scenario } from './scenario.js';
import { scenarioSchema } from './scenario-schema.js';

/**
 * A scenario file (YAML). `shown`: its name for messages. @throws UsageError with one line for each thing that is
 * wrong, a cluster that the fleet does not have included.
 */
export function readScenario(file: string, shown: string, clusters: readonly Cluster[]): Scenario {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${shown}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const parsed = scenarioSchema.safeParse(parseYaml(text, shown) ?? {});
  if (!parsed.success) fail(shown, describeIssues(parsed.error, scenarioSchema));
  const known = new Set(clusters.map((cluster) => cluster.cluster_id));
  const unknown = Object.keys(parsed.data.clusters ?? {}).filter((id) => !known.has(id));
  if (unknown.length > 0)
    fail(
      shown,
      unknown.map((id) => `clusters.${id}: no such cluster in the fleet, as ${[...known][0] ?? 'none'} is`),
    );
  return parsed.data;
}
