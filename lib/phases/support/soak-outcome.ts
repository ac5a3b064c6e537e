import type { SoakJudgement } from '../../analysis/soak.js';
import type { Cluster } from '../../domain/cluster.js';
import { type CheckResult, checkResult, clusterReport } from '../../domain/evidence.js';
import type { Rollout } from '../../domain/rollout.js';
import { worst } from '../../domain/verdict.js';
import type { Ports } from '../../ports/index.js';
import { journalKeys } from '../../ports/journal-keys.js';
import { mapBounded, REGISTRY_CONCURRENCY } from './concurrency.js';
import { iso } from './record.js';

type Judgement = SoakJudgement;

/** Words of Datadog and of Prometheus for a limit that is broken; any other (`No Data`) says that nothing is known. */
export function isBroken({ state }: { readonly state: string }): boolean {
  return /^(alert|warn|firing)$/i.test(state);
}

/**
 * An alert that fires on the wave alone is a broken limit; one that also fires elsewhere is the environment, and one
 * that has no data proves nothing.
 */
export function withAlerts(
  judgement: Judgement,
  firing: readonly { cluster_id: string; name: string; state: string; link?: string }[],
  clusters: readonly Cluster[],
  isOver: boolean,
): Judgement {
  const wave = new Set(clusters.map((cluster) => cluster.cluster_id));
  const ours = firing.filter((alert) => wave.has(alert.cluster_id));
  if (ours.length === 0 || judgement.decision === 'failed') return judgement;
  // Another alert of a control has nothing to do with it: one may fire there all year.
  const others = firing.filter((alert) => !wave.has(alert.cluster_id) && isBroken(alert));
  const elsewhere = new Set(others.map(({ name }) => name));
  const broken = ours.filter((alert) => isBroken(alert) && !elsewhere.has(alert.name));
  const shown = broken.length > 0 ? broken : ours;
  const first = shown[0]!;
  const evidence = [
    ...shown.slice(0, 5).map((alert) => ({
      label: `alert ${alert.name} of ${alert.cluster_id}`,
      cluster_id: alert.cluster_id,
      value: alert.state,
      ...(alert.link ? { link: alert.link } : {}),
    })),
    ...judgement.evidence,
  ];
  const reason = `${shown.length} unsilenced alerts, first: ${first.name} on ${first.cluster_id}`;
  if (broken.length === 0) {
    const environment = ours.some(({ name }) => elsewhere.has(name));
    return {
      ...judgement,
      verdict: 'inconclusive',
      decision: isOver ? 'inconclusive' : 'continue',
      reason: environment
        ? `environment: ${reason}, and on clusters that were not changed`
        : `${reason} (${first.state}): whether a limit is broken is not known`,
      evidence,
      ...(environment ? { environment } : {}),
    };
  }
  const failing = new Set(broken.map((alert) => alert.cluster_id));
  return {
    ...judgement,
    verdict: 'failed',
    decision: 'failed',
    reason,
    evidence,
    perCluster: judgement.perCluster.map((cluster) =>
      failing.has(cluster.cluster_id)
        ? { ...cluster, verdict: 'failed', reason }
        : { ...cluster, reason: `not soaked to the end: an alert fires on ${first.cluster_id}` },
    ),
  };
}

/**
 * A soak that would pass does not while a declared comparison fails; one that cannot be answered is asked again with
 * the next measurement, until the soak's time is over.
 *
 * @param compared by cluster_id
 */
export function withComparisons(
  judgement: Judgement,
  compared: ReadonlyMap<string, readonly CheckResult[]>,
  isOver: boolean,
): Judgement {
  const all = [...compared].flatMap(([cluster_id, checks]) =>
    checks.map((check) => ({ cluster_id, ...check })),
  );
  const verdict = all.length === 0 ? 'passed' : worst(all.map((one) => one.verdict));
  const first = all.find((one) => one.verdict === verdict);
  if (verdict === 'passed' || !first) return judgement;
  const reason = `${first.check} of ${first.cluster_id}: ${first.message}`;
  const perCluster = judgement.perCluster.map((cluster) => {
    const own = (compared.get(cluster.cluster_id) ?? []).filter((one) => one.verdict !== 'passed');
    if (own.length === 0) return cluster;
    return {
      ...cluster,
      verdict: worst(own.map((one) => one.verdict)),
      reason: own.map((one) => `${one.check}: ${one.message}`).join('; '),
    };
  });
  const evidence = [
    ...all
      .filter((one) => one.verdict === verdict)
      .flatMap(({ cluster_id, evidence: items }) => items.map((item) => ({ ...item, cluster_id })))
      .slice(0, 5),
    ...judgement.evidence,
  ];
  if (verdict === 'failed')
    return { ...judgement, verdict, decision: 'failed', reason, evidence, perCluster };
  return {
    ...judgement,
    verdict,
    decision: isOver ? 'inconclusive' : 'continue',
    reason,
    evidence,
    perCluster,
  };
}

/** The soak's result beside the checks, cluster by cluster: the final decision counts both. */
export async function keepReports(
  rollout: Rollout,
  direction: 'forward' | 'back',
  judgement: Judgement,
  compared: ReadonlyMap<string, readonly CheckResult[]>,
  ports: Pick<Ports, 'journal' | 'now'>,
): Promise<void> {
  const at = iso(ports.now());
  await mapBounded(judgement.perCluster, REGISTRY_CONCURRENCY, async ({ cluster_id, verdict, reason }) => {
    const own = judgement.evidence.filter((item) => item.cluster_id === cluster_id);
    const check = checkResult('soak', verdict, reason ?? judgement.reason, own);
    await ports.journal.put({
      pk: journalKeys.rollout(rollout.key),
      sk: `${journalKeys.check('after', direction, cluster_id)}~soak`,
      ...clusterReport(cluster_id, 'after', at, [check, ...(compared.get(cluster_id) ?? [])]),
    });
  });
}
