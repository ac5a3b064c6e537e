import { mergeReports } from '../domain/evidence.js';
import { type RollbackText, renderRollback } from '../domain/merge-request-text.js';
import { branchOf, type Rollout } from '../domain/rollout.js';
import { sameVersion } from '../domain/version.js';
import { type Plan, type PlanRequest, planChange, type Refusal } from '../gitops/plan.js';
import { targetNamed } from '../targets/index.js';
import { readReports } from './decide.js';
import type { Proposed, ProposePorts } from './open-merge-request.js';
import { attachReport, describeClusters, keepPlan, mergedAlready, refusals } from './propose-upgrade.js';
import { metricLinks } from './support/sources.js';

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
  const leftIds = new Set(left.flatMap((refusal) => heldBack(refusal, request)));
  const refused = await Promise.all(
    [...leftIds].map((id) => describeLeft(id, left, change, first, rollout, ports)),
  );
  if (change.refused.length > 0) return { refused: `the rollback cannot be made: ${refusals(change)}` };
  if (change.commits.length === 0) {
    const merged = await mergedAlready(rollout, 'back', ports);
    if (merged) return merged;
    const why = refused.slice(0, 3).map((token) => {
      if (token.why) return `${token.cluster_id}: ${token.why}`;
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
  const back = describeClusters(clusters, rollout, change).filter(
    (cluster) => !leftIds.has(cluster.cluster_id),
  );
  const text = renderRollback({
    rollout,
    reason,
    upgrade: rollout.upgrade,
    reports: mergeReports(reports),
    links: metricLinks(ports, clusters, target.dashboard),
    clusters: back,
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
  await attachReport(rollout, proposed.iid, back, reports, ports);
  return {
    request: { iid: proposed.iid, url: proposed.url, branch: proposed.branch, sha: proposed.sha },
    warnings: proposed.warnings,
  };
}

/** Plans again without the clusters that cannot be put back, until what is left can be made as a whole. */
function withoutRefused(request: PlanRequest): { change: Plan; left: Refusal[]; first: Plan } {
  const first = planChange(request);
  const left: Refusal[] = [];
  let wave = request.wave;
  let change = first;
  while (change.refused.length > 0) {
    const out = new Set(change.refused.flatMap((refusal) => heldBack(refusal, { ...request, wave })));
    // A refusal that is about no one cluster is about the whole change.
    if (change.refused.some((refusal) => heldBack(refusal, { ...request, wave }).length === 0))
      return { change, left, first };
    left.push(...change.refused);
    wave = new Map([...wave].filter(([id]) => !out.has(id)));
    change =
      wave.size === 0 ? { ...change, refused: [], commits: [], edits: [] } : planChange({ ...request, wave });
  }
  return { change, left, first };
}

/** The clusters of the wave that a refusal keeps from being put back. */
function heldBack({ clusters, wave = clusters }: Refusal, request: PlanRequest): string[] {
  return wave.filter((id) => request.wave.has(id));
}

/** What stands in a token that is left alone, and who put it there. */
async function describeLeft(
  cluster_id: string,
  left: readonly Refusal[],
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
  const shared = left.find((refusal) => refusal.wave?.includes(cluster_id));
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
    ...(shared ? { why: `${shared.reason} (${shared.clusters.join(', ')})` } : {}),
  };
}
