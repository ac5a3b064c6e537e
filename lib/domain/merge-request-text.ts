import type { ClusterReport } from './evidence.js';
import { code, cutMarkdown, disarm, link, safeMarkdown, table } from './markdown.js';
import {
  allReports,
  bounded,
  bullets,
  type ClusterChange,
  clusterList,
  clusterTable,
  evidenceTable,
  healthReport,
  linkList,
  MAX_ROWS,
  type TextLink,
} from './merge-request-parts.js';
import type { MergeRequestRef, RolloutName } from './rollout.js';
import { rolloutKey } from './rollout.js';

/** What GUARD writes into merge requests: pure text, safe Markdown, below `DESCRIPTION_LIMIT` characters. */

export type { ClusterChange, TextLink } from './merge-request-parts.js';

/** GitLab takes 1,048,576 characters; a reader takes less. */
export const DESCRIPTION_LIMIT = 100_000;
const TEMPLATE_LIMIT = 20_000;
const POINTER = '_The text was cut. The whole report: `guard status`._';

/** Used when `gitlab.mr_template` is not configured. */
export const DEFAULT_TEMPLATE = `## {target} upgrade: {version}

### Health before the upgrade
{health_report}

### Clusters
{cluster_list}

### Metrics
{datadog_links}

### Checklist
- [ ] The health report is understood
- [ ] The diff changes only these clusters
- [ ] Mark as ready and merge: GUARD never merges
`;

export interface RenderedText {
  readonly title: string;
  readonly description: string;
}

export interface UpgradeText {
  /** `gitlab.mr_template`; `{version}`, `{health_report}`, `{cluster_list}`, `{datadog_links}`, `{target}`, `{batch}`. */
  readonly template?: string;
  readonly rollout: RolloutName;
  readonly clusters: readonly ClusterChange[];
  readonly reports: readonly ClusterReport[];
  readonly links: readonly TextLink[];
  /** What was not there before: overrides for the wave alone, a `dependsOn`. */
  readonly insertions: readonly { file: string; path: string; to: string }[];
  /** Edits that belong to the version but are not it: a chart's CRDs, a tag beside a digest. */
  readonly coupledEdits: readonly { file: string; path: string; from: string; to: string }[];
  readonly warnings: readonly string[];
  readonly diffstat: { files: number; additions: number; deletions: number; commits: number };
}

export interface RollbackText {
  readonly rollout: RolloutName;
  readonly reason: string;
  readonly upgrade: MergeRequestRef | undefined;
  readonly reports: readonly ClusterReport[];
  readonly links: readonly TextLink[];
  /** What is put back: `from` is the rollout's version, `to` what the cluster had before. */
  readonly clusters: readonly ClusterChange[];
  /** Tokens that no longer have the rollout's value, or that others use now; they stay as they are. */
  readonly refused: readonly {
    cluster_id: string;
    file: string;
    path: string;
    expected: string;
    found: string;
    /** The commit that changed it. */
    commit?: { sha: string; title: string; author: string; url?: string };
    /** Why it cannot be put back although it has the rollout's value. */
    why?: string;
  }[];
  /** Lines of the failure analysis, most likely cause first. */
  readonly analysis?: readonly string[];
  readonly coupledEdits?: UpgradeText['coupledEdits'];
  readonly warnings?: readonly string[];
}

/** In every description: names the rollout, so that a merge request is known whatever its title became. */
export function rolloutMarker(name: RolloutName, direction: 'upgrade' | 'rollback'): string {
  return `<!-- guard:${direction}=${rolloutKey(name)} -->`;
}

/** For `GitHost.note`: one note of each kind for a rollout. */
export function noteMarker(name: RolloutName, kind: string): string {
  return `<!-- guard:note=${kind.replace(/[^\w.-]/g, '-')} ${rolloutKey(name)} -->`;
}

export function displayName(target: string): string {
  const name = target.replace(/^helm:/, '');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

export function renderUpgrade(text: UpgradeText): RenderedText {
  const { rollout, clusters, diffstat } = text;
  const values: Readonly<Record<string, string>> = {
    version: safeMarkdown(rollout.version),
    target: safeMarkdown(displayName(rollout.target)),
    batch: safeMarkdown(rollout.batch),
    health_report: healthReport(text.reports),
    cluster_list: clusterList(clusters),
    datadog_links: linkList(text.links),
  };
  // One pass, so that a placeholder inside a value stays text; an unknown placeholder is the operator's own.
  const body = (text.template ?? DEFAULT_TEMPLATE)
    .slice(0, TEMPLATE_LIMIT)
    .replace(/\{([a-z_]+)\}/g, (whole, name: string) => values[name] ?? whole);
  const facts = [
    `${count(diffstat.files, 'file')} in ${count(diffstat.commits, 'commit')}, +${diffstat.additions} −${diffstat.deletions} lines.`,
    ...section('Inserted, for this wave alone', inserted(text.insertions)),
    ...section('Edited together with the version', coupled(text.coupledEdits)),
    ...section('Warnings', bullets(text.warnings)),
  ];
  return {
    title: title(
      `${displayName(rollout.target)} upgrade to ${rollout.version}: ${rollout.batch} (${count(clusters.length, 'cluster')})`,
    ),
    description: finish(rolloutMarker(rollout, 'upgrade'), [body.trimEnd(), ...facts, footer(rollout)]),
  };
}

function inserted(edits: UpgradeText['insertions']): string {
  if (edits.length === 0) return '';
  const lines = edits.map((e) => `- ${code(`${e.file} ${e.path}`)}: ${code(e.to, 80)}`);
  return bounded(lines, '\n', 10_000);
}

function coupled(edits: UpgradeText['coupledEdits']): string {
  if (edits.length === 0) return '';
  return bounded(
    edits.map((e) => `- ${code(`${e.file} ${e.path}`)}: ${code(e.from, 80)} → ${code(e.to, 80)}`),
    '\n',
    10_000,
  );
}

export function renderRollback(text: RollbackText): RenderedText {
  const { rollout, upgrade } = text;
  const name = displayName(rollout.target);
  return {
    title: title(`ROLLBACK: ${name} upgrade failed for ${rollout.batch}`),
    description: finish(rolloutMarker(rollout, 'rollback'), [
      `## ROLLBACK: ${safeMarkdown(name)} ${safeMarkdown(rollout.version)} failed for ${safeMarkdown(rollout.batch)}`,
      `**Why:** ${safeMarkdown(text.reason, 1000)}`,
      ...(upgrade ? [`The upgrade was ${link(`!${upgrade.iid}`, upgrade.url)}.`] : []),
      ...section('Evidence', evidenceTable(text.reports)),
      ...section('Likely causes', text.analysis?.length ? bullets(text.analysis) : ''),
      ...section('What is put back', clusterList(text.clusters)),
      ...section('Put back together with the version', coupled(text.coupledEdits ?? [])),
      ...section('Not put back', refusedTable(text.refused)),
      ...section('Warnings', bullets(text.warnings ?? [])),
      ...section('Metrics', text.links.length > 0 ? linkList(text.links) : ''),
      ...section(
        'Checklist',
        [
          '- [ ] The evidence shows harm done by the upgrade',
          '- [ ] The diff puts back only the clusters above',
          ...(text.refused.length > 0
            ? ['- [ ] The values that are not put back are dealt with by hand']
            : []),
          '- [ ] Merge: GUARD then verifies the old version; it never merges',
        ].join('\n'),
      ),
      footer(rollout),
    ]),
  };
}

function refusedTable(refused: RollbackText['refused']): string {
  if (refused.length === 0) return '';
  const rows = refused
    .slice(0, 50)
    .map((token) => [
      code(token.cluster_id, 100),
      code(`${token.file} ${token.path}`),
      code(token.expected, 60),
      code(token.found, 60),
      token.why ? safeMarkdown(token.why, 300) : token.commit ? commitCell(token.commit) : 'unknown commit',
    ]);
  const more = refused.length - rows.length;
  return `${table(['Cluster', 'Where', 'Expected', 'Found', 'Why: changed by, or used by'], rows)}${more > 0 ? `\n\n… and ${more} more.` : ''}`;
}

function commitCell(commit: { sha: string; title: string; author: string; url?: string }): string {
  const sha = commit.sha.slice(0, 8);
  const name = commit.url ? link(sha, commit.url) : code(sha);
  return `${name} ${safeMarkdown(commit.title, 100)} (${safeMarkdown(commit.author, 60)})`;
}

/** GitLab takes notes of this length, and a little more. */
const NOTE_LIMIT = 900_000;

/**
 * The whole report, as a note, where the description had to summarise it: a row for each cluster, a line for each
 * report. `undefined` when the description has it all.
 */
export function renderFullReport(text: {
  rollout: RolloutName;
  clusters: readonly ClusterChange[];
  reports: readonly ClusterReport[];
}): string | undefined {
  if (text.clusters.length <= MAX_ROWS && text.reports.length <= MAX_ROWS) return undefined;
  const parts = [
    noteMarker(text.rollout, 'report'),
    `**The whole report** of ${count(text.clusters.length, 'cluster')}; the description summarises it.`,
    clusterTable(text.clusters),
    evidenceTable(text.reports.filter((report) => report.verdict !== 'passed')),
    allReports(text.reports),
  ];
  return cutMarkdown(disarm(parts.join('\n\n')), NOTE_LIMIT, POINTER);
}

/** On the upgrade's merge request, when every cluster is healthy. */
export function renderSuccessNote(text: {
  rollout: RolloutName;
  clusters: readonly ClusterChange[];
  reports: readonly ClusterReport[];
  links?: readonly TextLink[];
  /** Of the soak, minutes. */
  soakMinutes?: number;
}): string {
  const { rollout, clusters } = text;
  const soak =
    text.soakMinutes === undefined ? '' : ` after a soak of ${Math.round(text.soakMinutes)} minutes`;
  return finish(noteMarker(rollout, 'success'), [
    `✅ **Healthy**: ${safeMarkdown(displayName(rollout.target))} ${safeMarkdown(rollout.version)} on ${count(clusters.length, 'cluster')} of ${safeMarkdown(rollout.batch)}${soak}.`,
    healthReport(text.reports),
    clusterList(clusters),
    ...(text.links?.length ? [linkList(text.links)] : []),
  ]);
}

/** A note about the request's own life: `draft-again` when its conditions lapsed, `held`, `cancelled` and so on. */
export function renderNote(text: {
  rollout: RolloutName;
  kind: string;
  /** One line: what happened. */
  headline: string;
  reasons?: readonly string[];
  /** What the reader should do. */
  todo?: string;
  reports?: readonly ClusterReport[];
}): string {
  return finish(noteMarker(text.rollout, text.kind), [
    `**${safeMarkdown(text.headline, 500)}**`,
    ...(text.reasons?.length ? [bullets(text.reasons)] : []),
    ...(text.reports?.length ? [evidenceTable(text.reports)] : []),
    ...(text.todo ? [`What to do: ${safeMarkdown(text.todo, 1000)}`] : []),
  ]);
}

/** GitLab takes 255 characters, and its draft prefix must fit too. */
function title(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 240);
}

function section(title: string, body: string): string[] {
  return body === '' ? [] : [`### ${title}\n\n${body}`];
}

function footer(rollout: RolloutName): string {
  return `---\n\nRollout ${code(rolloutKey(rollout))}, written by GUARD. Its text is renewed when the rollout runs again.`;
}

/** The marker comes first, so that a cut never loses it. */
function finish(marker: string, parts: readonly string[]): string {
  const text = disarm([marker, ...parts].join('\n\n'));
  return cutMarkdown(text, DESCRIPTION_LIMIT - 1, POINTER);
}

function count(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? '' : 's'}`;
}
