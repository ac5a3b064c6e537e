import type { EvidenceItem } from '../domain/evidence.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import type { AnalyzeFailureInput } from './contracts.js';
import { readReports } from './decide.js';
import { iso, loadRollout } from './support/record.js';

type AnalyzePorts = Pick<Ports, 'now' | 'journal'>;

export interface FailureAnalysis {
  readonly summary: string;
  readonly findings: readonly string[];
}

/**
 * Explains a failure from what was recorded, by rules: which metric of which cluster broke and by how much,
 * whether the other clusters of the wave show the same, which checks fail, and what did not finish.
 */
export async function analyzeFailure(
  input: AnalyzeFailureInput,
  ports: AnalyzePorts,
): Promise<FailureAnalysis> {
  const rollout = await loadRollout(ports, input.rollout);
  const pk = journalKeys.rollout(rollout.key);
  const [judgements, progress, after] = await Promise.all([
    ports.journal.records(pk, journalKeys.judgement('forward')),
    ports.journal.records(pk, journalKeys.progress('forward')),
    readReports(rollout, { stage: 'after', direction: 'forward' }, ports),
  ]);
  const findings: string[] = [];
  const judgement = judgements.at(-1);
  const perCluster =
    (judgement?.perCluster as { cluster_id: string; verdict: string; reason?: string }[] | undefined) ?? [];
  const bad = perCluster.filter((cluster) => cluster.verdict === 'failed');
  for (const cluster of bad.slice(0, 5))
    findings.push(`${cluster.cluster_id}: ${cluster.reason ?? 'a limit is broken'}`);
  if (bad.length > 0) {
    findings.push(
      bad.length === perCluster.length
        ? 'Every cluster of the wave shows it: the version itself is suspect.'
        : `${perCluster.length - bad.length} of ${perCluster.length} upgraded clusters do not show it: look at what is special about ${bad
            .map((cluster) => cluster.cluster_id)
            .slice(0, 3)
            .join(', ')}.`,
    );
  }
  for (const item of ((judgement?.evidence as EvidenceItem[] | undefined) ?? []).slice(0, 5)) {
    findings.push(
      `${item.label}: ${item.value ?? 'no value'}${item.baseline === undefined || item.baseline === null ? '' : ` (baseline ${item.baseline})`}${item.limit === undefined ? '' : `, limit ${item.limit}`}`,
    );
  }
  const stuck = (
    (progress[0]?.clusters as { cluster_id: string; state: string; message: string }[] | undefined) ?? []
  ).filter((cluster) => cluster.state === 'failed' || cluster.state === 'errored');
  for (const cluster of stuck.slice(0, 5)) findings.push(`${cluster.cluster_id}: ${cluster.message}`);
  for (const report of after) {
    for (const check of report.checks.filter((entry) => entry.verdict !== 'passed').slice(0, 2)) {
      findings.push(`${report.cluster_id}: ${check.check} ${check.verdict}: ${check.message}`);
    }
  }
  const analysis = {
    summary: `${rollout.target} ${rollout.version} in ${rollout.batch}: ${input.reason}`,
    findings: [...new Set(findings)].slice(0, 20),
  };
  await ports.journal.put({ pk, sk: journalKeys.analysis, at: iso(ports.now()), ...analysis });
  return analysis;
}
