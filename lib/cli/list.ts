import type { Command } from 'commander';
import type { Cluster } from '../domain/cluster.js';
import { guarded } from './errors.js';
import type { Io } from './io.js';
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
    .option('--format <table|json>', 'table for people, json for programs', 'table')
    .action((options: { batch?: string; environment?: string; target: string; format: string }) =>
      guarded(io, async () => {
        const registry = connectRegistry(io, program.opts<{ config?: string }>());
        const clusters = (options.batch ? await registry.batch(options.batch) : await registry.all()).filter(
          (cluster) => !options.environment || cluster.environment === options.environment,
        );
        if (options.format === 'json') io.out(JSON.stringify(clusters, null, 2));
        else io.out(clusters.length === 0 ? 'no clusters' : clusterTable(clusters, options.target));
      }),
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
