import type { Verdict } from './verdict.js';
import { worst } from './verdict.js';

/** One bounded fact behind a verdict. Text is cut at 300 characters when it is stored. */
export interface EvidenceItem {
  readonly label: string;
  /** Whom and what it is about, where it is a cluster's metric. */
  readonly cluster_id?: string;
  readonly metric?: string;
  readonly value?: number | string | null;
  readonly baseline?: number | null;
  readonly control?: number | null;
  readonly limit?: number | string;
  readonly unit?: string;
  readonly query?: string;
  readonly link?: string;
  /** ISO 8601 */
  readonly at?: string;
}

/** The answer to one question about one cluster at one time. */
export interface CheckResult {
  readonly check: string;
  readonly verdict: Verdict;
  /** One line for a person: what was found, and what to do when it is not `passed`. */
  readonly message: string;
  readonly evidence: readonly EvidenceItem[];
}

/** Every check of one cluster at one stage. Holds all results, not the first failure. */
export interface ClusterReport {
  readonly cluster_id: string;
  readonly stage: 'before' | 'after';
  readonly verdict: Verdict;
  /** ISO 8601 */
  readonly at: string;
  readonly checks: readonly CheckResult[];
}

const MAX_TEXT = 300;
const MAX_ITEMS = 12;

export function checkResult(
  check: string,
  verdict: Verdict,
  message: string,
  evidence: readonly EvidenceItem[] = [],
): CheckResult {
  return {
    check,
    verdict,
    message: cut(message),
    evidence: evidence.slice(0, MAX_ITEMS).map((item) => ({
      ...item,
      label: cut(item.label),
      ...(typeof item.value === 'string' ? { value: cut(item.value) } : {}),
      ...(item.query === undefined ? {} : { query: cut(item.query) }),
    })),
  };
}

export function clusterReport(
  cluster_id: string,
  stage: ClusterReport['stage'],
  at: string,
  checks: readonly CheckResult[],
): ClusterReport {
  return { cluster_id, stage, at, checks, verdict: worst(checks.map((check) => check.verdict)) };
}

/** One report per cluster: what was checked and what was measured, side by side. */
export function mergeReports(reports: readonly ClusterReport[]): ClusterReport[] {
  const merged = new Map<string, ClusterReport>();
  for (const report of reports) {
    const known = merged.get(report.cluster_id);
    const checks = [...(known?.checks ?? []), ...report.checks];
    const verdict = known ? worst([known.verdict, report.verdict]) : report.verdict;
    merged.set(report.cluster_id, { ...report, checks, verdict });
  }
  return [...merged.values()];
}

function cut(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}
