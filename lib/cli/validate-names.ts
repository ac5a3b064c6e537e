import type { Config } from '../config/schema.js';
import type { Cluster } from '../domain/cluster.js';
import { TerminalError } from '../domain/errors.js';

/**
 * A slip in the name of an environment or a batch makes a stricter soak, an order or an endpoint mean nobody, and
 * nothing else would tell: every name of the configuration must be a name of the registry.
 * @throws TerminalError naming each that is not, by its path, and what the registry has.
 */
export function namesInRegistry(config: Config, clusters: readonly Cluster[]): string {
  const environments = new Set(clusters.map(({ environment }) => environment));
  const batches = new Set(clusters.map(({ batch_id }) => batch_id));
  const problems = [
    ...strangers('environment', environments, environmentsOf(config)),
    ...strangers('batch', batches, batchesOf(config)),
  ];
  if (problems.length > 0) throw new TerminalError(problems.join('; '));
  return 'every environment and batch of the configuration is in the registry';
}

function strangers(
  word: string,
  known: ReadonlySet<string>,
  named: readonly (readonly [path: string, name: string])[],
): string[] {
  return named
    .filter(([, name]) => !known.has(name))
    .map(
      ([path, name]) =>
        `${path}: no cluster of ${word} '${name}' in the registry; it has ${[...known].sort().join(', ') || 'no clusters'}`,
    );
}

function environmentsOf({ validation, metrics, prometheus }: Config): [string, string][] {
  const measured = metrics.provider === 'prometheus' ? prometheus.endpoints : [];
  return [
    ...Object.keys(validation.environments).map((name): [string, string] => [
      `validation.environments.${name}`,
      name,
    ]),
    ...measured.flatMap(({ environments = [] }, index) =>
      environments.map((name): [string, string] => [`prometheus.endpoints.${index}.environments`, name]),
    ),
  ];
}

function batchesOf({ validation, batch_order, batches }: Config): [string, string][] {
  return [
    ...batches.map(({ name }, index): [string, string] => [`batches.${index}.name`, name]),
    ...Object.keys(validation.batches).map((name): [string, string] => [`validation.batches.${name}`, name]),
    ...Object.entries(batch_order).flatMap(([name, before]) => [
      [`batch_order.${name}`, name] as [string, string],
      ...before.map((one): [string, string] => [`batch_order.${name}`, one]),
    ]),
  ];
}
