import type { Command } from 'commander';
import type { Cluster } from '../domain/cluster.js';
import type { Registry } from '../ports/registry.js';
import { guarded } from './errors.js';
import { formatOption } from './format-option.js';
import { examples } from './help.js';
import type { Io } from './io.js';
import { refuseUnknownTarget, refuseUnknownValue } from './known.js';
import { connectRegistry } from './remote.js';
import { table } from './table.js';

/** `guard list`: the clusters and how they fare. */
export function register(program: Command, io: Io): void {
  program
    .command('list')
    .description('clusters of the registry: batch, versions, status')
    .option('--batch <name>', 'only this batch')
    .option('--environment <name>', 'only this environment')
    .option('--target <name>', 'whose versions to show', 'istio')
    .addOption(formatOption())
    .addHelpText(
      'after',
      examples(
        ['guard list --batch prod-wave-1', 'one batch'],
        ['guard list --environment production --format json', 'for a program'],
      ),
    )
    .action((options: { batch?: string; environment?: string; target: string; format: string }) =>
      guarded(io, async () => {
        const registry = connectRegistry(io, program.opts<{ config?: string }>());
        const clusters = await chosen(registry, options);
        if (options.format === 'json') io.out(JSON.stringify(clusters, null, 2));
        else
          io.out(
            clusters.length === 0
              ? 'no clusters yet; guard registry import FILE brings them'
              : clusterTable(clusters, options.target),
          );
      }),
    );
}

/** @throws UsageError for a batch, an environment or a target that is not there: a slip must not look like an empty fleet. */
async function chosen(
  registry: Registry,
  { batch, environment, target }: { batch?: string; environment?: string; target: string },
): Promise<Cluster[]> {
  const all = await registry.all();
  if (batch !== undefined) refuseUnknownValue(all, 'batch_id', batch);
  if (environment !== undefined) refuseUnknownValue(all, 'environment', environment);
  if (all.length > 0) refuseUnknownTarget(all, target);
  return all.filter(
    (cluster) =>
      (batch === undefined || cluster.batch_id === batch) &&
      (environment === undefined || cluster.environment === environment),
  );
}

export function clusterTable(clusters: readonly Cluster[], target: string): string {
  return table(
    ['CLUSTER', 'BATCH', 'ENVIRONMENT', 'CURRENT', 'TARGET', 'VERIFIED', 'STATUS', 'HELD BY'],
    clusters.map((cluster) => {
      const versions = cluster.versions[target] ?? {};
      return [
        cluster.cluster_id,
        cluster.batch_id,
        cluster.environment,
        versions.current ?? '-',
        versions.target ?? '-',
        versions.verified ?? '-',
        cluster.status,
        cluster.lease?.holder ?? '-',
      ];
    }),
  );
}
