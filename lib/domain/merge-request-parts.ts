import type { CheckResult, ClusterReport, EvidenceItem } from './evidence.js';
import { code, details, link, safeMarkdown, table } from './markdown.js';
import { VERDICTS, type Verdict } from './verdict.js';

/** The pieces that merge request texts are made of. Each is bounded, whatever the fleet's size. */

/** One cluster's change of version, as the merge request shows it. */
export interface ClusterChange {
  readonly cluster_id: string;
  readonly environment: string;
  readonly from: string;
  readonly to: string;
  /** The file that decides, and the path of the value in it. */
  readonly file: string;
  readonly path?: string;
}

export interface TextLink {
  readonly title: string;
  readonly url: string;
}

/** Above this many clusters a table becomes a summary. */
export const MAX_ROWS = 50;
const MAX_SECTION = 30_000;

const SIGN: Readonly<Record<Verdict, string>> = {
  passed: '✅ passed',
  failed: '❌ failed',
  inconclusive: '❔ inconclusive',
  errored: '⚠️ errored',
};

/** A verdict of a newer version of GUARD is shown, and never as passed. */
export function sign(verdict: string): string {
  return SIGN[verdict as Verdict] ?? `⚠️ ${safeMarkdown(verdict)}`;
}

export function clusterList(clusters: readonly ClusterChange[]): string {
  if (clusters.length === 0) return 'No cluster.';
  const sorted = [...clusters].sort(
    (a, b) => a.environment.localeCompare(b.environment) || a.cluster_id.localeCompare(b.cluster_id),
  );
  return sorted.length > MAX_ROWS ? summaryOf(sorted) : clusterTable(sorted);
}

/** A row for each cluster, however many. */
export function clusterTable(sorted: readonly ClusterChange[]): string {
  return table(
    ['Cluster', 'Environment', 'From', 'To', 'Decided in'],
    sorted.map((cluster) => [
      code(cluster.cluster_id),
      safeMarkdown(cluster.environment, 60),
      code(cluster.from, 60),
      code(cluster.to, 60),
      code(cluster.path ? `${cluster.file} ${cluster.path}` : cluster.file),
    ]),
  );
}

function summaryOf(clusters: readonly ClusterChange[]): string {
  const groups = new Map<string, string[]>();
  for (const { environment, from, to, cluster_id } of clusters) {
    const group = `${safeMarkdown(environment, 60)}: ${code(from, 60)} → ${code(to, 60)}`;
    groups.set(group, [...(groups.get(group) ?? []), cluster_id]);
  }
  const lines = [...groups].map(([group, ids]) => {
    const names = ids.map((id) => code(id, 100));
    return `- ${group}, ${ids.length} clusters: ${bounded(names, ', ', MAX_SECTION / groups.size)}`;
  });
  return `${clusters.length} clusters:\n\n${bounded(lines, '\n', MAX_SECTION)}`;
}

/** Counts first, then every cluster that did not pass with its reasons, then, when there is room, all. */
export function healthReport(reports: readonly ClusterReport[]): string {
  if (reports.length === 0) return '⚠️ No cluster was checked.';
  const counts = [...VERDICTS]
    .reverse()
    .map((verdict) => ({ verdict, n: reports.filter((report) => report.verdict === verdict).length }))
    .filter(({ n }) => n > 0)
    .map(({ verdict, n }) => `${sign(verdict)}: ${n}`);
  const notPassed = reports.filter((report) => report.verdict !== 'passed');
  const parts = [
    `${reports.length} ${reports.length === 1 ? 'cluster' : 'clusters'} checked. ${counts.join(' · ')}`,
  ];
  if (notPassed.length > 0) parts.push(evidenceTable(notPassed));
  if (reports.length <= MAX_ROWS) parts.push(details('All checks', bounded(reports.map(oneReport), '\n')));
  return parts.join('\n\n');
}

/** Every check of every cluster, one line a cluster. */
export function allReports(reports: readonly ClusterReport[]): string {
  return reports.map(oneReport).join('\n');
}

function oneReport(report: ClusterReport): string {
  const checks = report.checks.map((check) => `${safeMarkdown(check.check, 60)} ${sign(check.verdict)}`);
  return `- ${code(report.cluster_id, 100)} ${sign(report.verdict)} (${checks.slice(0, 30).join(', ')})`;
}

/** A row for each check that did not pass, with its numbers. */
export function evidenceTable(reports: readonly ClusterReport[]): string {
  const rows = reports.flatMap((report) =>
    report.checks
      .filter((check) => check.verdict !== 'passed')
      .map((check) => [
        code(report.cluster_id, 100),
        safeMarkdown(check.check, 60),
        sign(check.verdict),
        safeMarkdown(check.message),
        evidenceCell(check),
      ]),
  );
  const header = ['Cluster', 'Check', 'Verdict', 'Found', 'Evidence'];
  if (rows.length === 0) return 'Every check passed.';
  const { kept, left } = fitting(rows, (row) => row.join('').length + 20);
  return `${table(header, kept)}${left > 0 ? `\n\n… and ${left} more findings (\`guard status\`).` : ''}`;
}

function evidenceCell(check: CheckResult): string {
  return check.evidence.slice(0, 4).map(evidenceText).join('; ');
}

function evidenceText(item: EvidenceItem): string {
  const unit = item.unit ? ` ${item.unit}` : '';
  const facts = [
    item.value === undefined ? undefined : `${number(item.value)}${unit}`,
    item.baseline == null ? undefined : `before ${number(item.baseline)}${unit}`,
    item.control == null ? undefined : `control ${number(item.control)}${unit}`,
    item.limit === undefined ? undefined : `limit ${number(item.limit)}`,
  ].filter((fact) => fact !== undefined);
  const label = item.link ? link(item.label, item.link) : safeMarkdown(item.label, 100);
  return facts.length === 0 ? label : `${label}: ${safeMarkdown(facts.join(', '), 150)}`;
}

function number(value: number | string | null): string {
  if (value === null) return 'no data';
  if (typeof value === 'string') return value;
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

export function linkList(links: readonly TextLink[]): string {
  if (links.length === 0) return 'None.';
  return bounded(
    links.map(({ title, url }) => `- ${link(title, url)}`),
    '\n',
    15_000,
  );
}

export function bullets(lines: readonly string[]): string {
  return bounded(
    lines.map((line) => `- ${safeMarkdown(line)}`),
    '\n',
    15_000,
  );
}

/** Joins as much as fits and says how much is left out. */
export function bounded(parts: readonly string[], separator: string, limit = MAX_SECTION): string {
  const { kept, left } = fitting(parts, (part) => part.length + separator.length, limit);
  return [...kept, ...(left > 0 ? [`… and ${left} more (\`guard status\`)`] : [])].join(separator);
}

function fitting<T>(all: readonly T[], size: (one: T) => number, limit = MAX_SECTION) {
  const kept: T[] = [];
  let used = 0;
  for (const one of all) {
    used += size(one);
    if (used > limit) break;
    kept.push(one);
  }
  return { kept, left: all.length - kept.length };
}
