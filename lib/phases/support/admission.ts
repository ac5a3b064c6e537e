import { type Cluster, STARTABLE } from '../../domain/cluster.js';
import { RefusedError } from '../../domain/errors.js';
import { unmetPrerequisite } from '../../domain/prerequisites.js';
import { splitBatch } from '../../domain/rollout.js';
import { isExactVersion, sameVersion } from '../../domain/version.js';
import { resolveFleet } from '../../gitops/plan.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys } from '../../ports/journal-keys.js';
import { targetNamed } from '../../targets/index.js';
import type { RolloutInput } from '../contracts.js';

type AdmissionPorts = Pick<Ports, 'config' | 'registry' | 'journal' | 'git' | 'now'>;

/** The batch's clusters, when every rule about the batch allows a rollout. @throws RefusedError */
export async function admitBatch(input: RolloutInput, ports: AdmissionPorts): Promise<Cluster[]> {
  targetNamed(input.target);
  if (!isExactVersion(input.version)) {
    throw new RefusedError(`'${input.version}' is not one exact version; give three numbers, as in 1.30.2`);
  }
  const { batch, cluster } = splitBatch(input.batch);
  const members = await ports.registry.batch(batch);
  if (members.length === 0) {
    const known = [...new Set((await ports.registry.all()).map((cluster) => cluster.batch_id))].sort();
    throw new RefusedError(
      `batch '${batch}' has no clusters in the registry; known batches: ${known.join(', ') || 'none (guard registry import FILE)'}`,
    );
  }
  agreeWithConfig(batch, members, ports);
  await refuseQuarantined(input, ports);
  await refuseUnmetPrerequisites(input, ports);
  return choose(cluster === undefined ? input : { ...input, clusters: [cluster] }, members);
}

function agreeWithConfig(batch: string, members: readonly Cluster[], ports: AdmissionPorts): void {
  const listed = ports.config.batches.find((entry) => entry.name === batch)?.clusters;
  if (!listed) return;
  const inRegistry = new Set(members.map((cluster) => cluster.cluster_id));
  const missing = listed.filter((id) => !inRegistry.has(id));
  const extra = [...inRegistry].filter((id) => !listed.includes(id));
  if (missing.length === 0 && extra.length === 0) return;
  const parts = [
    missing.length > 0 ? `only in guard.yaml: ${missing.slice(0, 5).join(', ')}` : '',
    extra.length > 0 ? `only in the registry: ${extra.slice(0, 5).join(', ')}` : '',
  ].filter(Boolean);
  throw new RefusedError(
    `batch '${batch}': guard.yaml (batches) and the registry disagree; ${parts.join('; ')}; make them equal`,
  );
}

async function refuseQuarantined(input: RolloutInput, ports: AdmissionPorts): Promise<void> {
  const { pk, sk } = journalKeys.quarantine(input.target, input.version);
  // The prefix 1.30.2 also finds 1.30.20.
  const entry = (await ports.journal.records(pk, sk)).find((record) => record.sk === sk);
  if (entry)
    throw new RefusedError(
      `${input.target} ${input.version} is in quarantine: ${String(entry.reason ?? 'no reason given')}`,
    );
}

async function refuseUnmetPrerequisites(input: RolloutInput, ports: AdmissionPorts): Promise<void> {
  if (!ports.config.execution.enable_rollout_sequencing) return;
  const before = ports.config.batch_order[splitBatch(input.batch).batch] ?? [];
  const unmet = await Promise.all(
    before.map(async (batch) =>
      unmetPrerequisite(batch, await ports.registry.batch(batch), input.target, input.version),
    ),
  );
  const reasons = unmet.filter((reason) => reason !== undefined);
  if (reasons.length > 0) throw new RefusedError(`batch_order: ${reasons.join('; ')}`);
}

function choose(input: RolloutInput, members: readonly Cluster[]): Cluster[] {
  const unknown = (input.clusters ?? []).filter(
    (id) => !members.some((cluster) => cluster.cluster_id === id),
  );
  if (unknown.length > 0) throw new RefusedError(`not in batch '${input.batch}': ${unknown.join(', ')}`);
  const chosen = members.filter((cluster) => !input.clusters || input.clusters.includes(cluster.cluster_id));
  const projects = [...new Set(chosen.map((cluster) => cluster.gitlab_repo))];
  if (projects.length > 1) {
    throw new RefusedError(
      `batch '${input.batch}' lies in ${projects.length} repositories (${projects.join(', ')}); one rollout has one merge request: use --mr-strategy per-cluster`,
    );
  }
  const busy = chosen.filter((cluster) => !STARTABLE.includes(cluster.status));
  const first = busy[0];
  if (first) {
    throw new RefusedError(
      `${first.cluster_id} is '${first.status}'${busy.length > 1 ? ` (and ${busy.length - 1} more are not ready)` : ''}; settle it first: guard status --batch ${input.batch}`,
    );
  }
  return chosen;
}

/**
 * The version of each cluster in Git, when Git can be read without doubt and agrees with the registry.
 * The running version is compared by the checks. @throws RefusedError
 */
export async function admitVersions(
  input: RolloutInput,
  clusters: readonly Cluster[],
  key: string,
  ports: AdmissionPorts,
): Promise<Map<string, string>> {
  const { files } = await ports.git.snapshot(
    clusters[0]!.gitlab_repo,
    ports.config.gitlab.default_target_branch,
  );
  const resolved = resolveFleet(files, clusters, targetNamed(input.target).gitops);
  const from = new Map<string, string>();
  const problems: string[] = [];
  for (const cluster of clusters) {
    const { version, reason } = resolved.get(cluster.cluster_id) ?? {};
    const recorded = cluster.versions[input.target]?.current;
    if (version === undefined)
      problems.push(`${cluster.cluster_id}: cannot tell the version in Git (${reason ?? 'not found'})`);
    else if (recorded !== undefined && !sameVersion(recorded, version)) {
      problems.push(
        `${cluster.cluster_id}: the registry says ${recorded}, Git says ${version}; correct the one that is wrong`,
      );
    } else from.set(cluster.cluster_id, version);
  }
  if (problems.length > 0) throw new RefusedError(problems.slice(0, 3).join('; '));
  const open = await ports.journal.rollout(key);
  if (!open && clusters.every((cluster) => sameVersion(from.get(cluster.cluster_id)!, input.version))) {
    throw new RefusedError(
      `every cluster of batch '${input.batch}' is at ${input.target} ${input.version} in Git already; nothing to do`,
    );
  }
  return open ? new Map(open.clusters.map((cluster) => [cluster.cluster_id, cluster.from])) : from;
}
