import { mergeReports } from '../domain/evidence.js';
import { type RollbackText, renderRollback } from '../domain/merge-request-text.js';
import { branchOf, type Rollout } from '../domain/rollout.js';
import { sameVersion } from '../domain/version.js';
import { type Plan, type PlanRequest, planChange } from '../gitops/plan.js';
import { targetNamed } from '../targets/index.js';
import { readReports } from './decide.js';
import type { Proposed, ProposePorts } from './open-merge-request.js';
import { describeClusters, keepPlan, mergedAlready, metricLinks, refusals } from './propose-upgrade.js';

/**
 * Puts back each token's own previous value on today's tree (design/gitops.md, Rollback). A token that no
 * longer has this rollout's value is left alone and named, with the commit that changed it; the rest goes back.
 */
export async function proposeRollback(
  rollout: Rollout,
  reason: string,
  ports: ProposePorts,
): Promise<Proposed> {
  const target = targetNamed(rollout.target);
  const [snapshot, fleet, clusters] = await Promise.all([
    ports.git.snapshot(rollout.project, rollout.targetBranch),
    ports.registry.all(),
    ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id)),
  ]);
  const request: PlanRequest = {
    tree: snapshot.files,
    fleet: fleet.filter((cluster) => cluster.gitlab_repo === rollout.project),
    wave: new Map(rollout.clusters.map(({ cluster_id, from }) => [cluster_id, from])),
    onlyFrom: new Map(rollout.clusters.map(({ cluster_id }) => [cluster_id, rollout.version])),
    target: target.gitops,
  };
  const { change, left, first } = withoutRefused(request);
  await keepPlan(rollout, 'back', snapshot.sha, { ...change, refused: [...change.refused, ...left] }, ports);
  // A refused reach names clusters outside the wave; nothing of theirs was to be put back.
  const leftIds = new Set(left.flatMap((refusal) => refusal.clusters).filter((id) => request.wave.has(id)));
  const refused = await Promise.all(
    [...leftIds].map((id) => describeLeft(id, change, first, rollout, ports)),
  );
  if (change.refused.length > 0) return { refused: `the rollback cannot be made: ${refusals(change)}` };
  if (change.commits.length === 0) {
    const merged = await mergedAlready(rollout, 'back', ports);
    if (merged) return merged;
    const why = refused.slice(0, 3).map((token) => {
      const by = token.commit
        ? `, changed by commit ${token.commit.sha.slice(0, 8)} "${token.commit.title}" (${token.commit.author})`
        : '';
      return `${token.cluster_id} is at ${token.found}${by}`;
    });
    return {
      refused: `nothing can be put back: ${why.join('; ') || 'Git holds the old versions already; see guard status'}`,
    };
  }
  const reports = await readReports(rollout, { stage: 'after', direction: 'forward' }, ports);
  const text = renderRollback({
    rollout,
    reason,
    upgrade: rollout.upgrade,
    reports: mergeReports(reports),
    links: metricLinks(ports, clusters),
    clusters: describeClusters(clusters, rollout, change).filter(
      (cluster) => !leftIds.has(cluster.cluster_id),
    ),
    refused,
    coupledEdits: change.coupled,
    warnings: change.warnings,
  });
  const proposed = await ports.git.propose(rollout.project, {
    branch: branchOf(rollout, 'back'),
    targetBranch: rollout.targetBranch,
    base: snapshot.sha,
    commits: change.commits,
    ...text,
    draft: false,
    labels: [...ports.config.gitlab.labels, rollout.target, 'ROLLBACK'],
    assignees: [...new Set(clusters.map((cluster) => cluster.owner_handle).filter(Boolean))],
    reviewers: ports.config.gitlab.reviewers,
  });
  return {
    request: { iid: proposed.iid, url: proposed.url, branch: proposed.branch, sha: proposed.sha },
    warnings: proposed.warnings,
  };
}

/** Plans again without the clusters whose tokens someone else has changed. */
function withoutRefused(request: PlanRequest): { change: Plan; left: Plan['refused']; first: Plan } {
  const first = planChange(request);
  if (first.refused.length === 0) return { change: first, left: [], first };
  const out = new Set(first.refused.flatMap((refusal) => refusal.clusters));
  const rest = new Map([...request.wave].filter(([id]) => !out.has(id)));
  if (out.size === 0) return { change: first, left: [], first };
  if (rest.size === 0)
    return { change: { ...first, refused: [], commits: [], edits: [] }, left: first.refused, first };
  return { change: planChange({ ...request, wave: rest }), left: first.refused, first };
}

/** What stands in a token that is left alone, and who put it there. */
async function describeLeft(
  cluster_id: string,
  change: Plan,
  first: Plan,
  rollout: Rollout,
  ports: ProposePorts,
): Promise<RollbackText['refused'][number]> {
  const places = [...first.clusters, ...change.clusters].filter((entry) => entry.cluster === cluster_id);
  // One place of a cluster may be changed while its others still have the rollout's own value.
  const found =
    places.find(({ from, to }) => !sameVersion(from, rollout.version) && !sameVersion(from, to)) ?? places[0];
  const file = found?.file ?? '';
  const [commit] =
    file === ''
      ? []
      : await ports.git.fileHistory(rollout.project, file, rollout.targetBranch, rollout.upgrade?.landedSha);
  return {
    cluster_id,
    file,
    path: found?.path ?? '',
    expected: rollout.version,
    found: found?.from ?? 'unknown',
    ...(commit ? { commit } : {}),
  };
}
