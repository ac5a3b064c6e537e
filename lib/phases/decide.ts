import type { CheckResult, ClusterReport } from '../domain/evidence.js';
import type { StepResult } from '../domain/next-step.js';
import type { Rollout } from '../domain/rollout.js';
import { type Verdict, worst } from '../domain/verdict.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { DecideInput } from './contracts.js';
import { updateRollout } from './support/record.js';
import { changeAll } from './support/registry-changes.js';
import { batchSettings, enterStep, leaveStep } from './support/step.js';

type DecidePorts = Pick<Ports, 'config' | 'now' | 'journal' | 'registry'>;

/** A cluster's checks are one report, its metrics or its soak another. */
const REPORTS = 2;

/** The worst verdict over every report of every cluster; a report that is missing is `errored`. */
export async function decide(input: DecideInput, ports: DecidePorts): Promise<StepResult> {
  const rollout = await enterStep(
    ports,
    input.rollout,
    input.stage === 'before' ? 'deciding' : 'checking again',
  );
  const reports = await readReports(rollout, input, ports);
  const byCluster = rollout.clusters.map(({ cluster_id }) => {
    const found = reports
      .filter((report) => report.cluster_id === cluster_id)
      .map((report) => report.verdict);
    return { cluster_id, verdict: worst(found.length < REPORTS ? [...found, 'errored'] : found) };
  });
  const verdict = worst(byCluster.map((cluster) => cluster.verdict));
  // The verdict of a cluster is about the upgrade: that it is well again at its old version does not change it.
  if (input.direction === 'forward') {
    await updateRollout(ports, rollout.key, (current) => ({
      clusters: current.clusters.map((cluster) => ({
        ...cluster,
        verdict: byCluster.find((entry) => entry.cluster_id === cluster.cluster_id)?.verdict,
      })),
    }));
  }
  const clusters = await ports.registry.get(rollout.clusters.map((cluster) => cluster.cluster_id));
  const step = await leaveStep(
    ports,
    rollout,
    { verdict, reason: reasonOf(verdict, byCluster, reports) },
    { merged: input.stage === 'after', direction: input.direction },
    batchSettings(ports, rollout, clusters),
  );
  if (input.stage === 'before' && step.next === 'proceed') {
    // Git, registry and running version agree and every check passed: what runs is proven.
    await changeAll(ports, rollout, (id) => {
      const from = rollout.clusters.find((cluster) => cluster.cluster_id === id)!.from;
      return {
        status: 'pre-check-passed',
        versions: { target: rollout.target, set: { current: from, verified: from } },
      };
    });
  }
  if (step.next !== 'proceed' || input.stage === 'before') return step;
  // The last question of the rollout is answered: the machine settles.
  return { ...step, next: 'settle', outcome: input.direction === 'forward' ? 'healthy' : 'rolled-back' };
}

export async function readReports(
  rollout: Rollout,
  { stage, direction }: Pick<DecideInput, 'stage' | 'direction'>,
  ports: Pick<Ports, 'journal'>,
): Promise<ClusterReport[]> {
  const records = await ports.journal.records(
    journalKeys.rollout(rollout.key),
    journalKeys.checks(stage, direction),
  );
  return records.map((record) => record as unknown as ClusterReport);
}

function reasonOf(
  verdict: Verdict,
  clusters: readonly { cluster_id: string; verdict: Verdict }[],
  reports: readonly ClusterReport[],
): string {
  if (verdict === 'passed') return `${clusters.length} of ${clusters.length} clusters passed every check`;
  const lines: string[] = [];
  for (const cluster of clusters.filter((entry) => entry.verdict !== 'passed')) {
    const checks = reports
      .filter((report) => report.cluster_id === cluster.cluster_id)
      .flatMap((report) => report.checks);
    const bad = checks.filter((check: CheckResult) => check.verdict !== 'passed');
    const said = bad.sort((a, b) => rank(b.verdict) - rank(a.verdict))[0];
    lines.push(
      said
        ? `${cluster.cluster_id}: ${said.check} ${said.verdict}: ${said.message}`
        : `${cluster.cluster_id}: was not checked, or not measured`,
    );
  }
  const more = lines.length > 3 ? `; and ${lines.length - 3} more clusters` : '';
  return `${lines.slice(0, 3).join('; ')}${more}`;
}

function rank(verdict: Verdict): number {
  return { passed: 0, inconclusive: 1, errored: 2, failed: 3 }[verdict];
}
