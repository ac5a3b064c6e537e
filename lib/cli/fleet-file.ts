import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { UsageError } from '../domain/errors.js';
import type { FleetMember } from '../gitops/fleet.js';
import { readText } from './tree-files.js';

/** A cluster as far as an offline plan needs it. */
export type OfflineMember = FleetMember & { readonly batch_id?: string; readonly gitlab_repo?: string };

const optional = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const item = z.union([
  z
    .string()
    .min(1)
    .transform((cluster_id) => ({ cluster_id })),
  z.looseObject({
    cluster_id: z.string().min(1),
    batch_id: optional,
    gitlab_repo: optional,
    flux_path: optional,
    flux_config_path: optional,
  }),
]);

/** A registry file (JSON), or names: `a,b` or `a=clusters/a,b=envs/b`. @throws UsageError */
export function readFleet(given: string, cwd: string): OfflineMember[] {
  const path = resolve(cwd, given);
  if (!existsSync(path)) {
    if (/\.json$/.test(given)) throw new UsageError(`--clusters ${given}: no such file`);
    return unique(given.split(',').filter(Boolean).map(fromName), given);
  }
  let data: unknown;
  try {
    data = JSON.parse(readText(path, given) ?? '');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`--clusters ${given}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const list = Array.isArray(data) ? data : (data as { clusters?: unknown } | null)?.clusters;
  const parsed = z.array(item).safeParse(list);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UsageError(`--clusters ${given}: clusters.${issue.path.join('.')}: ${issue.message}`);
  }
  return unique(parsed.data as OfflineMember[], given);
}

function fromName(text: string): OfflineMember {
  const [cluster_id, flux_path] = text.trim().split('=');
  return { cluster_id: cluster_id!, ...(flux_path ? { flux_path } : {}) };
}

function unique(members: OfflineMember[], given: string): OfflineMember[] {
  const seen = new Set<string>();
  for (const { cluster_id } of members) {
    if (seen.has(cluster_id)) throw new UsageError(`--clusters ${given}: ${cluster_id} is listed twice`);
    seen.add(cluster_id);
  }
  if (members.length === 0) throw new UsageError(`--clusters ${given}: lists no cluster`);
  return members;
}

/** The wave, by batch or by names. @throws UsageError for a name or batch that the fleet does not have */
export function chooseWave(fleet: readonly OfflineMember[], batch?: string, only?: string): OfflineMember[] {
  if ((batch === undefined) === (only === undefined)) {
    throw new UsageError('choose the wave with exactly one of --batch NAME and --only a,b');
  }
  if (batch !== undefined) {
    const wave = fleet.filter((member) => member.batch_id === batch);
    if (wave.length > 0) return wave;
    const batches = [...new Set(fleet.map((member) => member.batch_id).filter((name) => name !== undefined))];
    throw new UsageError(
      `--batch ${batch}: no cluster is in it; the fleet has ${batches.join(', ') || 'no batches'}`,
    );
  }
  return [
    ...new Set(
      only!
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    ),
  ].map((name) => {
    const member = fleet.find((one) => one.cluster_id === name);
    if (!member) throw new UsageError(`--only ${name}: no such cluster in --clusters`);
    return member;
  });
}
