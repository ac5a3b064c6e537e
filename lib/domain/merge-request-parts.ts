import type { CheckResult, ClusterReport, EvidenceItem } from './evidence.js';
import { code, details, link, safeMarkdown, table } from './markdown.js';
import { quantity } from './quantity.js';
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
  const notPassed = reports.filter((report) => report.verdict !== 'passed');
  const parts = [
    `${reports.length} ${reports.length === 1 ? 'cluster' : 'clusters'} checked. ${countsOf(reports)}`,
  ];
  if (notPassed.length > 0) parts.push(evidenceTable(notPassed));
  parts.push(details('All checks', checksTable(reports)));
  return parts.join('\n\n');
}

/** One row a check, whatever the number of clusters: how many passed, and between what the measured values lie. */
function checksTable(reports: readonly ClusterReport[]): string {
  const byCheck = new Map<string, CheckResult[]>();
  for (const check of reports.flatMap((report) => report.checks))
    byCheck.set(check.check, [...(byCheck.get(check.check) ?? []), check]);
  const rows = [...byCheck].map(([name, checks]) => [
    safeMarkdown(name, 60),
    countsOf(checks),
    safeMarkdown(rangeOf(checks), 150),
  ]);
  return table(['Check', 'Clusters', 'Measured'], rows.slice(0, MAX_ROWS));
}

function countsOf(checks: readonly { readonly verdict: Verdict }[]): string {
  return [...VERDICTS]
    .reverse()
    .map((verdict) => ({ verdict, n: checks.filter((check) => check.verdict === verdict).length }))
    .filter(({ n }) => n > 0)
    .map(({ verdict, n }) => `${sign(verdict)}: ${n}`)
    .join(' · ');
}

/** The lowest and highest number of checks that measure one thing each; what else they say is in their messages. */
function rangeOf(checks: readonly CheckResult[]): string {
  const items = checks.flatMap(({ evidence }) => evidence.slice(0, 1));
  const values = items.map(({ value }) => value).filter((value) => typeof value === 'number');
  if (values.length === 0 || new Set(items.map(({ label }) => label)).size > 1) return '';
  const { unit, limit } = items[0]!;
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => amount(value, unit));
  const range = low === high ? low! : `${low} to ${high}`;
  return limit === undefined ? range : `${range} (limit ${amount(limit, unit)})`;
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
  const bad = reports
    .flatMap((report) => report.checks.map((check) => ({ report, check })))
    .filter(({ check }) => check.verdict !== 'passed')
    // The worst first: it is what the reader came for.
    .sort((a, b) => VERDICTS.indexOf(b.check.verdict) - VERDICTS.indexOf(a.check.verdict));
  const rows = bad.map(({ report, check }) => [
    code(report.cluster_id, 100),
    safeMarkdown(check.check, 60),
    sign(check.verdict),
    safeMarkdown(check.message),
    evidenceCell(check),
  ]);
  const header = ['Cluster', 'Check', 'Verdict', 'Found', 'Evidence'];
  if (rows.length === 0) return 'Every check passed.';
  const { kept, left } = fitting(rows, (row) => row.join('').length + 20);
  const more = left > 0 ? [`… and ${left} more findings (\`guard status\`).`] : [];
  return [table(header, kept), ...more, ...queriesOf(bad.flatMap(({ check }) => check.evidence))].join(
    '\n\n',
  );
}

/** The queries behind the numbers, folded away: to be asked again by hand. */
function queriesOf(evidence: readonly EvidenceItem[]): string[] {
  const lines = evidence.flatMap(({ label, query }) =>
    query === undefined ? [] : `- ${safeMarkdown(label, 100)}: ${code(query, 300)}`,
  );
  const each = [...new Set(lines)];
  return each.length === 0 ? [] : [details('Queries', bounded(each.slice(0, 20), '\n'))];
}

function evidenceCell(check: CheckResult): string {
  return check.evidence.slice(0, 4).map(evidenceText).join('; ');
}

function evidenceText(item: EvidenceItem): string {
  const shown = (value: number | string | null) => amount(value, item.unit);
  const facts = [
    item.value === undefined ? undefined : shown(item.value),
    item.baseline == null ? undefined : `before ${shown(item.baseline)}`,
    item.control == null ? undefined : `control ${shown(item.control)}`,
    item.limit === undefined ? undefined : `limit ${shown(item.limit)}`,
    item.at === undefined ? undefined : `at ${minute(item.at)}`,
  ].filter((fact) => fact !== undefined);
  const label = item.link ? link(item.label, item.link) : safeMarkdown(item.label, 100);
  return facts.length === 0 ? label : `${label}: ${safeMarkdown(facts.join(', '), 200)}`;
}

function amount(value: number | string | null, unit?: string): string {
  if (value === null) return 'no data';
  return typeof value === 'string' ? value : quantity(value, unit);
}

/** `2026-09-07 09:43 UTC` */
function minute(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, '$1 $2 UTC');
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
