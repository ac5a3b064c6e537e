import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { exportCluster, parseRegistry as parse } from '../config/registry-format.js';
import type { Cluster } from '../domain/cluster.js';
import { RefusedError, UsageError } from '../domain/errors.js';
import type { Registry } from '../ports/registry.js';
import { guarded } from './errors.js';
import { formatOption } from './format-option.js';
import type { Io } from './io.js';
import { connectRegistry } from './remote.js';
import { table } from './table.js';

const LINE = 'a line for people, one JSON document for programs';

/** `guard registry import|add|show|update|remove|export` */
export function register(program: Command, io: Io): void {
  const command = program.command('registry').description('the clusters that GUARD knows, in DynamoDB');
  const open = () => connectRegistry(io, program.opts<{ config?: string }>());

  command
    .command('import')
    .description(
      'create or replace clusters from a JSON file (the registry format of examples/clusters.json)',
    )
    .argument('<file>')
    .option('--replace', 'also replace clusters that are there, but not their status, lease and versions')
    .addOption(formatOption(LINE))
    .action((file: string, options: { replace?: boolean; format: string }) =>
      guarded(io, async () => {
        const clusters = parseRegistry(readText(io, file), file);
        const registry = open();
        const known = new Map((await registry.all()).map((cluster) => [cluster.cluster_id, cluster]));
        const clash = clusters.filter((cluster) => known.has(cluster.cluster_id));
        if (clash.length > 0 && !options.replace) {
          throw new RefusedError(
            `${clash.length} clusters are in the registry already, first ${clash[0]!.cluster_id}; use --replace`,
          );
        }
        for (const cluster of clusters)
          await registry.save(...merged(cluster, known.get(cluster.cluster_id)));
        const imported = clusters.map((cluster) => cluster.cluster_id);
        say(io, options, `${clusters.length} clusters imported from ${file}`, { imported });
      }),
    );

  command
    .command('add')
    .description('add one cluster, given as JSON')
    .argument('<json>', 'an object in the registry format, or @FILE')
    .addOption(formatOption(LINE))
    .action((json: string, options: Formatted) =>
      guarded(io, async () => {
        const text = json.startsWith('@') ? readText(io, json.slice(1)) : json;
        const [cluster] = parseRegistry(`[${text}]`, json.startsWith('@') ? json.slice(1) : 'the argument');
        const registry = open();
        await registry.save(cluster!, 0);
        const id = cluster!.cluster_id;
        say(io, options, `${id} added`, await theOne(registry, id));
      }),
    );

  command
    .command('show')
    .description('one cluster, with everything that is known about it')
    .argument('<cluster_id>')
    .addOption(formatOption())
    .action((id: string, options: Formatted) =>
      guarded(io, async () => {
        const cluster = await theOne(open(), id);
        say(io, options, attributeTable(cluster), cluster);
      }),
    );

  command
    .command('update')
    .description('change attributes: batch_id=prod-wave-2 owner_handle=@team datadog_tags.env=prod')
    .argument('<cluster_id>')
    .argument('<changes...>', 'attribute=value')
    .addOption(formatOption(LINE))
    .action((id: string, changes: string[], options: Formatted) =>
      guarded(io, async () => {
        const registry = open();
        const cluster = await theOne(registry, id);
        const changed = changes.reduce(withChange, cluster);
        const [checked] = parseRegistry(exportRegistry([changed]), 'the change');
        await registry.save({ ...changed, ...pickEditable(checked!) }, cluster.version);
        say(io, options, `${id} updated`, await theOne(registry, id));
      }),
    );

  command
    .command('remove')
    .description('forget a cluster; refused while a rollout holds it')
    .argument('<cluster_id>')
    .option('--force', 'also when a rollout holds it')
    .addOption(formatOption(LINE))
    .action((id: string, options: { force?: boolean; format: string }) =>
      guarded(io, async () => {
        const registry = open();
        const cluster = await theOne(registry, id);
        // Whatever its expiry: the sweep ends rollouts that are gone, and this machine's clock need not be GUARD's.
        if (cluster.lease && !options.force) {
          throw new RefusedError(
            `${id} is held by rollout ${cluster.lease.holder}; guard cancel --batch ${cluster.batch_id} first (or --force)`,
          );
        }
        await registry.remove(id, cluster.version);
        say(io, options, `${id} removed`, { removed: id });
      }),
    );

  command
    .command('export')
    .description('all clusters as JSON in the registry format, to a file or stdout')
    .argument('[file]')
    .addOption(
      new Option('--format <format>', 'always the registry format').choices(['json']).default('json'),
    )
    .action((file: string | undefined) =>
      guarded(io, async () => {
        const clusters = await open().all();
        const text = exportRegistry(clusters);
        if (file === undefined) io.out(text);
        else {
          writeFileSync(resolve(io.cwd, file), `${text}\n`);
          io.out(`${clusters.length} clusters written to ${file}`);
        }
      }),
    );
}

interface Formatted {
  readonly format: string;
}

function say(io: Io, { format }: Formatted, text: string, document: unknown): void {
  io.out(format === 'json' ? JSON.stringify(document, null, 2) : text);
}

/** Every attribute a row; what lies inside one by its path (`versions.istio.current`), lists by their number. */
function attributeTable(cluster: Cluster): string {
  return table(['ATTRIBUTE', 'VALUE'], rowsOf('', cluster));
}

function rowsOf(path: string, value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([name, inner]) => rowsOf(path ? `${path}.${name}` : name, inner));
}

const EDITABLE = [
  'batch_id',
  'environment',
  'region',
  'gitlab_repo',
  'flux_config_path',
  'flux_path',
  'aws_role_arn',
  'eks_cluster_name',
  'owner_team',
  'owner_handle',
] as const;

function withChange(cluster: Cluster, change: string): Cluster {
  const at = change.indexOf('=');
  const name = change.slice(0, at);
  const value = change.slice(at + 1);
  if (at < 1) throw new UsageError(`'${change}' is not attribute=value`);
  if (name.startsWith('datadog_tags.')) {
    return {
      ...cluster,
      datadog_tags: { ...cluster.datadog_tags, [name.slice('datadog_tags.'.length)]: value },
    };
  }
  if (!(EDITABLE as readonly string[]).includes(name)) {
    throw new UsageError(
      `'${name}' cannot be changed by hand; allowed: ${EDITABLE.join(', ')}, datadog_tags.NAME`,
    );
  }
  return { ...cluster, [name]: value };
}

function pickEditable(cluster: Cluster): Partial<Cluster> {
  return Object.fromEntries(
    EDITABLE.map((name) => [name, cluster[name]]).filter(([, value]) => value !== undefined),
  );
}

/** What rollouts have written is theirs; a file says where a cluster is, not how it fares. */
function merged(cluster: Cluster, known: Cluster | undefined): [Cluster, number] {
  if (!known) return [cluster, 0];
  const { status, versions, lease, version, upgrade_history } = known;
  return [{ ...cluster, status, versions, upgrade_history, version, ...(lease ? { lease } : {}) }, version];
}

async function theOne(registry: Registry, id: string): Promise<Cluster> {
  const [cluster] = await registry.get([id]);
  if (!cluster) throw new UsageError(`no cluster '${id}' in the registry; guard list shows them`);
  return cluster;
}

function readText(io: Io, file: string): string {
  try {
    return readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
  }
}

function parseRegistry(text: string, file: string): Cluster[] {
  return parse(text, file, new Date().toISOString());
}

function exportRegistry(clusters: readonly Cluster[]): string {
  return JSON.stringify(clusters.map(exportCluster), null, 2);
}
