import type { Cluster } from '../domain/cluster.js';
import { messageOf } from '../domain/errors.js';
import { type ClusterReport, checkResult, clusterReport } from '../domain/evidence.js';
import type { Rollout } from '../domain/rollout.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import { targetNamed } from '../targets/index.js';
import { declaredChecks } from '../targets/kubernetes/declared-checks.js';
import type { KeptFacts } from '../targets/target.js';
import { declaredChecksOf } from '../targets/target.js';
import type { CheckClusterInput, CheckClusterOutput } from './contracts.js';
import { mapBounded } from './support/concurrency.js';
import { iso, loadRollout } from './support/record.js';
import { changedAt, versionFor } from './support/step.js';

type CheckPorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'clusters' | 'analyzer'>;

/** Runs every check of each cluster and stores the whole report; only verdicts are returned. */
export async function checkCluster(input: CheckClusterInput, ports: CheckPorts): Promise<CheckClusterOutput> {
  const [rollout, registered] = await Promise.all([
    loadRollout(ports, input.rollout),
    ports.registry.get(input.clusters),
  ]);
  const byId = new Map(registered.map((cluster) => [cluster.cluster_id, cluster]));
  return mapBounded(input.clusters, input.atOnce, async (cluster_id) => {
    const { report, kept } = await examine(cluster_id, byId.get(cluster_id), rollout, input, ports);
    await ports.journal.put({
      pk: journalKeys.rollout(rollout.key),
      sk: journalKeys.check(input.stage, input.direction, cluster_id),
      ...report,
      ...kept,
      ...(kept?.findings ? { findings: kept.findings.slice(0, 200) } : {}),
    });
    return { cluster_id, verdict: report.verdict };
  });
}

async function examine(
  cluster_id: string,
  cluster: Cluster | undefined,
  rollout: Rollout,
  input: CheckClusterInput,
  ports: CheckPorts,
): Promise<{ report: ClusterReport; kept?: KeptFacts }> {
  const at = iso(ports.now());
  if (!cluster) {
    const gone = checkResult('registry', 'errored', `${cluster_id} is not in the registry any more`);
    return { report: clusterReport(cluster_id, input.stage, at, [gone]) };
  }
  let api: Awaited<ReturnType<CheckPorts['clusters']['connect']>>;
  try {
    api = await ports.clusters.connect(cluster);
  } catch (error) {
    const refused = checkResult('api-reachable', 'errored', `cannot connect: ${messageOf(error)}`);
    return { report: clusterReport(cluster_id, input.stage, at, [refused]) };
  }
  let kept: KeptFacts = {};
  const from = rollout.clusters.find((entry) => entry.cluster_id === cluster_id)?.from ?? rollout.version;
  const target = targetNamed(rollout.target);
  const declared = declaredChecks(declaredChecksOf(target, ports.config), input.stage, api);
  const checks = await target.check({
    api,
    cluster,
    stage: input.stage,
    expected: input.stage === 'before' ? from : versionFor(rollout, input.direction, cluster_id),
    target: rollout.version,
    now: ports.now(),
    analyze: { required: ports.config.istio.analyze_required, run: () => ports.analyzer.analyze(cluster) },
    changedAt: changedAt(rollout, input.direction),
    earlier: input.stage === 'after' ? await earlierFacts(rollout, cluster_id, ports) : undefined,
    keep: (facts) => {
      kept = { ...kept, ...facts };
    },
  });
  return { report: clusterReport(cluster_id, input.stage, at, [...checks, ...(await declared)]), kept };
}

async function earlierFacts(
  rollout: Rollout,
  cluster_id: string,
  ports: Pick<Ports, 'journal'>,
): Promise<KeptFacts> {
  const sk = journalKeys.check('before', 'forward', cluster_id);
  // The prefix also finds `…-10` beside `…-1`.
  const found = await ports.journal.records(journalKeys.rollout(rollout.key), sk);
  const { findings, restarts } = (found.find((entry) => entry.sk === sk) ?? {}) as KeptFacts;
  return { findings, restarts };
}
