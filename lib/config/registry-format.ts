import * as z from 'zod';
import { CLUSTER_STATUSES, type Cluster, type HistoryEntry, type TargetVersions } from '../domain/cluster.js';
import { UsageError } from '../domain/errors.js';

/** The target whose versions have attributes of their own in the product plan's registry. */
const ISTIO = 'istio';
/**
 * Under this name in a cluster's `metadata` lies what an export needs to give an imported item back as it
 * was: attributes that GUARD does not know, and which of its own were not there.
 */
const KEPT = 'guard_import';

const text = z.string();
const named = z.string().min(1);
const optional = z.string().nullish();

const historyItem = z.looseObject({
  target: text.optional(),
  version: text,
  from: text.optional(),
  date: text,
  status: text,
  rollout: text.optional(),
});

const registryItem = z.looseObject({
  cluster_id: named,
  batch_id: named,
  environment: named,
  region: named,
  gitlab_repo: named,
  flux_config_path: optional,
  flux_path: optional,
  aws_role_arn: z
    .string()
    .regex(
      /^arn:aws[\w-]*:iam::\d+:role\/.+/,
      'must be the ARN of an IAM role, arn:aws:iam::<account>:role/<name>',
    ),
  eks_cluster_name: optional,
  current_istio_version: optional,
  target_istio_version: optional,
  /** Other targets, and what GUARD has verified; only GUARD's own exports have it. */
  versions: z
    .record(
      text,
      z.strictObject({ current: text.optional(), target: text.optional(), verified: text.optional() }),
    )
    .nullish(),
  datadog_tags: z.record(text, text).nullish(),
  owner_team: optional,
  owner_handle: optional,
  status: z.enum(CLUSTER_STATUSES, { error: `must be one of ${CLUSTER_STATUSES.join(', ')}` }).nullish(),
  last_updated: optional,
  upgrade_history: z.array(historyItem).nullish(),
  metadata: z.record(text, z.unknown()).nullish(),
});
type RegistryItem = z.infer<typeof registryItem>;
const KNOWN = new Set(Object.keys(registryItem.shape));

/**
 * Clusters from the product plan's registry JSON: an array of items, or `{clusters: [...]}`. They have
 * `version` 0: not stored yet. `importedAt` (ISO 8601) stands in for a missing `last_updated`.
 * @throws UsageError with a line for each problem: `file: clusters.3.region: what is wrong`.
 */
export function parseRegistry(json: string, file: string, importedAt: string): Cluster[] {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (cause) {
    throw new UsageError(`${file}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const items = Array.isArray(data) ? data : (data as { clusters?: unknown } | null)?.clusters;
  if (!Array.isArray(items)) {
    throw new UsageError(`${file}: must be a list of clusters, or an object with the list 'clusters'`);
  }
  const problems: string[] = [];
  const clusters: Cluster[] = [];
  const seen = new Map<string, number>();
  for (const [index, raw] of items.entries()) {
    const parsed = registryItem.safeParse(raw);
    if (!parsed.success) {
      problems.push(
        ...parsed.error.issues.map((issue) => `${file}: ${place(index, raw, issue.path)}: ${say(issue)}`),
      );
      continue;
    }
    const { cluster_id } = parsed.data;
    const before = seen.get(cluster_id);
    if (before !== undefined) {
      problems.push(`${file}: clusters.${index}.cluster_id: '${cluster_id}' is clusters.${before} already`);
    }
    seen.set(cluster_id, index);
    clusters.push(clusterOf(parsed.data, importedAt));
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'), { context: { file } });
  return clusters;
}

/** The product plan's item. Leases and the version counter are this installation's own and stay behind. */
export function exportCluster(cluster: Cluster): Record<string, unknown> {
  const { [KEPT]: kept, ...metadata } = cluster.metadata;
  const { extra = {}, absent = [] } = (kept ?? {}) as { extra?: Record<string, unknown>; absent?: string[] };
  const { [ISTIO]: istio = {}, ...others } = cluster.versions;
  const versions = {
    ...(istio.verified === undefined ? {} : { [ISTIO]: { verified: istio.verified } }),
    ...others,
  };
  const item: Record<string, unknown> = {
    cluster_id: cluster.cluster_id,
    batch_id: cluster.batch_id,
    environment: cluster.environment,
    region: cluster.region,
    gitlab_repo: cluster.gitlab_repo,
    flux_config_path: cluster.flux_config_path,
    flux_path: cluster.flux_path,
    aws_role_arn: cluster.aws_role_arn,
    eks_cluster_name: cluster.eks_cluster_name,
    current_istio_version: istio.current,
    target_istio_version: istio.target,
    versions: Object.keys(versions).length === 0 ? undefined : versions,
    datadog_tags: cluster.datadog_tags,
    owner_team: cluster.owner_team,
    owner_handle: cluster.owner_handle,
    status: cluster.status,
    last_updated: cluster.last_updated,
    upgrade_history: cluster.upgrade_history.map(historyItemOf),
    metadata,
  };
  for (const name of absent) if (isDefault(name, item[name], cluster)) delete item[name];
  const present = Object.entries(item).filter(([, value]) => value !== undefined);
  return { ...extra, ...Object.fromEntries(present) };
}

function clusterOf(item: RegistryItem, importedAt: string): Cluster {
  const versions: Record<string, TargetVersions> = { ...item.versions };
  const istio = withoutNothing({
    ...versions[ISTIO],
    ...withoutNothing({ current: item.current_istio_version, target: item.target_istio_version }),
  });
  if (Object.keys(istio).length > 0) versions[ISTIO] = istio;

  // An explicit null says the same as no attribute, but it is given back as null.
  const extra = Object.fromEntries(
    Object.entries(item).filter(([name, value]) => !KNOWN.has(name) || value === null),
  );
  const absent = [...DEFAULTED].filter((name) => (item as Record<string, unknown>)[name] == null);
  const kept = {
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
    ...(absent.length > 0 ? { absent } : {}),
  };
  return {
    cluster_id: item.cluster_id,
    batch_id: item.batch_id,
    environment: item.environment,
    region: item.region,
    gitlab_repo: item.gitlab_repo,
    aws_role_arn: item.aws_role_arn,
    ...withoutNothing({
      flux_config_path: item.flux_config_path,
      flux_path: item.flux_path,
      eks_cluster_name: item.eks_cluster_name,
    }),
    datadog_tags: item.datadog_tags ?? {},
    owner_team: item.owner_team ?? '',
    owner_handle: item.owner_handle ?? '',
    status: item.status ?? 'pending',
    versions,
    version: 0,
    last_updated: item.last_updated ?? importedAt,
    upgrade_history: (item.upgrade_history ?? []).map((entry) => ({
      ...entry,
      target: entry.target ?? ISTIO,
    })),
    metadata: { ...item.metadata, ...(Object.keys(kept).length > 0 ? { [KEPT]: kept } : {}) },
  };
}

/** Attributes that a cluster always has and an item need not. */
const DEFAULTED = [
  'datadog_tags',
  'owner_team',
  'owner_handle',
  'status',
  'last_updated',
  'upgrade_history',
  'metadata',
] as const;

/** Whether an attribute that was not imported still says nothing; then an export leaves it out again. */
function isDefault(name: string, value: unknown, cluster: Cluster): boolean {
  if (name === 'status') return value === 'pending';
  // Nobody has changed the cluster since, or it would have a history of its own.
  if (name === 'last_updated') return cluster.version <= 1;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '';
}

/** The product plan's entries are about Istio and do not say so; those that GUARD wrote name their rollout. */
function historyItemOf(entry: HistoryEntry): Record<string, unknown> {
  const { target, ...rest } = entry;
  return entry.rollout === undefined && target === ISTIO ? rest : { target, ...rest };
}

function withoutNothing<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item != null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function place(index: number, raw: unknown, path: readonly PropertyKey[]): string {
  const id = (raw as { cluster_id?: unknown } | null)?.cluster_id;
  const name = typeof id === 'string' && id !== '' ? ` (${id})` : '';
  return `${['clusters', index, ...path].map(String).join('.')}${name}`;
}

function say(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    return issue.message.endsWith('received undefined') ? 'is missing' : `must be of type ${issue.expected}`;
  }
  if (issue.code === 'unrecognized_keys') return `unknown ${issue.keys.join(', ')}`;
  return issue.code === 'too_small' ? 'must not be empty' : issue.message;
}
