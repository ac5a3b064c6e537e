import type { ClusterReport, EvidenceItem } from '../domain/evidence.js';
import { quantity } from '../domain/quantity.js';
import type { Direction, Rollout } from '../domain/rollout.js';
import type { Journal } from '../ports/journal.js';
import { journalKeys } from '../ports/journal-keys.js';
import { table } from './table.js';

/** What a soak said last. */
export interface Judgement {
  readonly at: string;
  readonly direction: Direction;
  readonly verdict: string;
  readonly reason: string;
  readonly evidence: readonly EvidenceItem[];
}

/** Rows of a table on a screen; everything is in `--format json`. */
const MAX_ROWS = 30;

/** Of the upgrade and, when there was one, of its rollback: what failed must not be hidden by what came after it. */
export async function readJudgements({ key }: Rollout, journal: Journal): Promise<Judgement[]> {
  const both = await Promise.all(
    (['forward', 'back'] as const).map((direction) =>
      journal.records(journalKeys.rollout(key), journalKeys.judgement(direction)),
    ),
  );
  return both.flat() as unknown as Judgement[];
}

/** Reports of every stage and direction, each with the key that it is stored under. */
export async function readReports({ key }: Rollout, journal: Journal): Promise<ClusterReport[]> {
  const stages = (['forward', 'back'] as const).flatMap((direction) =>
    (['before', 'after'] as const).map((stage) =>
      journal.records(journalKeys.rollout(key), journalKeys.checks(stage, direction)),
    ),
  );
  return (await Promise.all(stages)).flat() as unknown as ClusterReport[];
}

export function judgementLines(judgement: Judgement): string {
  const { direction, at, verdict, reason, evidence } = judgement;
  const head = `${direction === 'forward' ? 'soak' : 'soak of the rollback'}, last measurement ${minute(at)}: ${verdict}: ${reason}`;
  const rows = evidence.map((item) => [
    item.label,
    text(item.value, item.unit),
    text(item.baseline, item.unit),
    text(item.control, item.unit),
    text(item.limit, item.unit),
    item.at === undefined ? '-' : minute(item.at),
  ]);
  if (rows.length === 0) return head;
  const shown = table(['EVIDENCE', 'VALUE', 'BASELINE', 'CONTROL', 'LIMIT', 'AT'], rows);
  return [head, shown, ...(verdict === 'passed' ? [] : sourceLines(evidence))].join('\n');
}

/** Where the numbers come from, of the first few: to look for oneself. */
function sourceLines(evidence: readonly EvidenceItem[]): string[] {
  return evidence
    .filter(({ query, link }) => query !== undefined || link !== undefined)
    .slice(0, 3)
    .flatMap(({ label, query, link }) => [
      `  ${label}`,
      ...(query === undefined ? [] : [`    query  ${query}`]),
      ...(link === undefined ? [] : [`    page   ${link}`]),
    ]);
}

/** Every check that did not pass, with what it found; the soak has lines of its own. */
export function failedChecks(reports: readonly ClusterReport[]): string {
  const bad = reports.flatMap(({ cluster_id, checks, at }) =>
    checks
      .filter(({ check, verdict }) => verdict !== 'passed' && check !== 'soak')
      .map(({ check, verdict, message }) => [cluster_id, check, verdict, message, minute(at)]),
  );
  if (bad.length === 0) return '';
  const more = bad.length > MAX_ROWS ? `\n… and ${bad.length - MAX_ROWS} more: --format json` : '';
  return `checks that did not pass\n${table(['CLUSTER', 'CHECK', 'VERDICT', 'FOUND', 'AT'], bad.slice(0, MAX_ROWS))}${more}`;
}

function text(value: number | string | null | undefined, unit?: string): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'number' ? quantity(value, unit) : value;
}

/** `2026-09-07 09:43 UTC`; a text that is no time stays as it is. */
function minute(iso: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso;
}
