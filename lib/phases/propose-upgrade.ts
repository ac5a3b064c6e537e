import { type ClusterReport, mergeReports } from '../domain/evidence.js';
import {
  type ClusterChange,
  noteMarker,
  renderFullReport,
  renderUpgrade,
} from '../domain/merge-request-text.js';
import { branchOf, type Direction, type Rollout } from '../domain/rollout.js';
import { type Plan, planChange } from '../gitops/plan.js';
import { journalKeys } from '../ports/journal-keys.js';
import { targetNamed } from '../targets/index.js';
import { readReports } from './decide.js';
import type { Proposed, ProposePorts } from './open-merge-request.js';
import { iso } from './support/record.js';
import { metricLinks } from './support/sources.js';

/** Computes the change on today's tree and proposes it, or says why no change can be made that moves just this wave. */
export async function proposeUpgrade(rollout: Rollout, ports: ProposePorts): Promise<Proposed> {
  const target = targetNamed(rollout.target);
  const [snapshot, fleet, clusters, reports] = await Promise.all([
    ports.git.snapshot(rollout.project, rollout.targetBranch),
    ports.registry.all(),
    ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id)),
    readReports(rollout, { stage: 'before', direction: 'forward' }, ports),
  ]);
  const change = planChange({
    tree: snapshot.files,
    fleet: fleet.filter((cluster) => cluster.gitlab_repo === rollout.project),
    wave: new Map(rollout.clusters.map(({ cluster_id }) => [cluster_id, rollout.version])),
    target: target.gitops,
    structural: rollout.structural === true,
    addDependsOn: rollout.addDependsOn === true,
  });
  await keepPlan(rollout, 'forward', snapshot.sha, change, ports);
  if (change.refused.length > 0) return { refused: refusals(change) };
  // Killed after it was proposed, and merged before this run: the request is ours, and the merge is to be judged.
  const merged = change.commits.length === 0 ? await mergedAlready(rollout, 'forward', ports) : undefined;
  if (merged) return merged;
  if (change.commits.length === 0)
    return { refused: `every cluster is at ${rollout.version} in Git already; nothing to change` };
  if (rollout.dryRun) {
    const files = new Set(change.commits.flatMap((commit) => commit.files.map((file) => file.path)));
    return {
      dryRun: `dry run: it would change ${change.edits.length} versions in ${files.size} files for ${rollout.clusters.length} clusters`,
    };
  }
  const text = renderUpgrade({
    template: ports.config.gitlab.mr_template,
    rollout,
    clusters: describeClusters(clusters, rollout, change),
    reports: mergeReports(reports),
    links: metricLinks(ports, clusters, target.dashboard),
    insertions: change.edits.filter((edit) => edit.from === ''),
    coupledEdits: change.coupled,
    warnings: change.warnings,
    diffstat: diffstat(change),
  });
  const request = await ports.git.propose(rollout.project, {
    branch: branchOf(rollout, 'forward'),
    targetBranch: rollout.targetBranch,
    base: snapshot.sha,
    commits: change.commits,
    ...text,
    draft: true,
    labels: [...ports.config.gitlab.labels, rollout.target],
    assignees: [...new Set(clusters.map((cluster) => cluster.owner_handle).filter(Boolean))],
    reviewers: ports.config.gitlab.reviewers,
  });
  await attachReport(rollout, request.iid, describeClusters(clusters, rollout, change), reports, ports);
  return {
    request: { iid: request.iid, url: request.url, branch: request.branch, sha: request.sha },
    warnings: request.warnings,
  };
}

/** The whole report as a note, where the description had to summarise it. */
export async function attachReport(
  rollout: Rollout,
  iid: number,
  clusters: readonly ClusterChange[],
  reports: readonly ClusterReport[],
  ports: Pick<ProposePorts, 'git'>,
): Promise<void> {
  const report = renderFullReport({ rollout, clusters, reports: mergeReports(reports) });
  if (report) await ports.git.note(rollout.project, iid, noteMarker(rollout, 'report'), report);
}

/** The request of this direction, when a person has merged it already. */
export async function mergedAlready(
  rollout: Rollout,
  direction: Direction,
  ports: Pick<ProposePorts, 'git'>,
): Promise<Proposed | undefined> {
  if (rollout.dryRun) return undefined;
  const found = await ports.git.mergeRequest(rollout.project, { branch: branchOf(rollout, direction) });
  if (found?.state !== 'merged') return undefined;
  const { iid, url, branch, sha, warnings } = found;
  return { request: { iid, url, branch, sha }, warnings };
}

/** Counted on the diff that the reader sees. */
function diffstat(change: Plan): { files: number; additions: number; deletions: number; commits: number } {
  const lines = change.diff.split('\n');
  return {
    files: new Set(change.commits.flatMap((commit) => commit.files.map((file) => file.path))).size,
    additions: lines.filter((line) => line.startsWith('+') && !line.startsWith('+++')).length,
    deletions: lines.filter((line) => line.startsWith('-') && !line.startsWith('---')).length,
    commits: change.commits.length,
  };
}

export function refusals(change: Plan): string {
  return change.refused
    .slice(0, 5)
    .map(
      ({ reason, clusters, hint }) =>
        `${reason}${clusters.length > 0 ? ` (${clusters.slice(0, 5).join(', ')}${clusters.length > 5 ? ', …' : ''})` : ''}${hint ? `; ${hint}` : ''}`,
    )
    .join('; ');
}

/** What was computed, for `guard status` and for the judgement of what was merged. */
export async function keepPlan(
  rollout: Rollout,
  direction: 'forward' | 'back',
  base: string,
  change: Plan,
  ports: ProposePorts,
): Promise<void> {
  await ports.journal.put({
    pk: journalKeys.rollout(rollout.key),
    sk: journalKeys.plan(direction),
    at: iso(ports.now()),
    base,
    edits: change.edits.slice(0, 500),
    refused: change.refused.slice(0, 50),
    files: [...new Set(change.commits.flatMap((commit) => commit.files.map((file) => file.path)))].slice(
      0,
      1000,
    ),
    diff: change.diff.slice(0, 100_000),
  });
}

export function describeClusters(
  clusters: readonly { cluster_id: string; environment: string }[],
  rollout: Rollout,
  change: Plan,
): ClusterChange[] {
  return clusters.map((cluster) => {
    const planned = change.clusters.find((entry) => entry.cluster === cluster.cluster_id);
    return {
      cluster_id: cluster.cluster_id,
      environment: cluster.environment,
      from:
        planned?.from ??
        rollout.clusters.find((entry) => entry.cluster_id === cluster.cluster_id)?.from ??
        '?',
      to: planned?.to ?? rollout.version,
      file: planned?.file ?? '',
      ...(planned?.path ? { path: planned.path } : {}),
    };
  });
}
