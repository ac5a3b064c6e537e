import type { z } from 'zod';
import type { EvidenceItem } from '../../lib/domain/evidence.js';
import type { StepResult } from '../../lib/domain/next-step.js';
import { parseRolloutKey, splitBatch } from '../../lib/domain/rollout.js';
import type {
  CheckClusterInput,
  CheckClusterOutput,
  DecideInput,
  MeasureInput,
  PlanOutput,
  planInput,
} from '../../lib/phases/contracts.js';
import { readReports } from '../../lib/phases/decide.js';
import type { Journal } from '../../lib/ports/journal.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import type { MetricSample } from '../../lib/ports/own-metrics.js';

/** A phase's call that came back: phases know nothing of metrics, these are made of what went in and came out. */
export interface PhaseCall<I, O> {
  readonly input: I;
  readonly output: O;
  /** Real milliseconds. */
  readonly ms: number;
  readonly ports: { readonly journal: Journal; readonly now: () => number };
}

/** A rollout began; a rerun of it is the same rollout, and a dry run is none. */
export async function ofPlan({
  input: { input },
  output,
  ports,
}: PhaseCall<z.infer<typeof planInput>, PlanOutput>): Promise<MetricSample[]> {
  if (input.start !== 'upgrade' || input.dry_run || output.rollout === '') return [];
  const rollout = await ports.journal.rollout(output.rollout);
  return rollout?.executions.length === 1
    ? [{ name: 'guard.upgrade.started', value: 1, unit: 'Count', ...of(output.rollout) }]
    : [];
}

/** How long the checks of one chunk of clusters took. */
export function ofCheckCluster({
  input,
  ms,
}: PhaseCall<CheckClusterInput, CheckClusterOutput>): MetricSample[] {
  if (input.stage !== 'before') return [];
  return [{ name: 'guard.precheck.duration', value: ms, unit: 'Milliseconds', ...of(input.rollout) }];
}

/** Each check that kept a cluster from being upgraded, once for the rollout and not for every try. */
export async function ofDecide({
  input,
  output,
  ports,
}: PhaseCall<DecideInput, StepResult>): Promise<MetricSample[]> {
  if (input.stage !== 'before' || output.next !== 'settle') return [];
  const rollout = await ports.journal.rollout(input.rollout);
  if (!rollout) return [];
  const failed = new Map<string, number>();
  for (const { check, verdict } of (await readReports(rollout, input, ports)).flatMap(
    ({ checks }) => checks,
  )) {
    if (verdict !== 'passed') failed.set(check, (failed.get(check) ?? 0) + 1);
  }
  return [...failed].map(([check, value]) => ({
    name: 'guard.precheck.failed',
    value,
    unit: 'Count',
    check,
    ...of(input.rollout),
  }));
}

/** At a soak's end: how long it was, and by how much latency grew against the control, where that is known. */
export async function ofMeasure({
  input,
  output,
  ports,
}: PhaseCall<MeasureInput, StepResult>): Promise<MetricSample[]> {
  if (input.stage !== 'soak' || output.next === 'again') return [];
  const { pk, sk } = { pk: journalKeys.rollout(input.rollout), sk: journalKeys.judgement(input.direction) };
  const [rollout, [judgement]] = await Promise.all([
    ports.journal.rollout(input.rollout),
    ports.journal.records(pk, sk),
  ]);
  const began = Date.parse(rollout?.stepStartedAt ?? '');
  const known = judgement?.direction === input.direction && judgement?.decision !== 'continue';
  const evidence = known ? (judgement?.evidence as readonly EvidenceItem[] | undefined) : undefined;
  const samples: MetricSample[] = [];
  const name = of(input.rollout);
  if (Number.isFinite(began)) {
    const value = Math.round((ports.now() - began) / 1000);
    samples.push({ name: 'guard.validation.soak_period', value, unit: 'Seconds', ...name });
  }
  const worst = Math.max(...(evidence ?? []).flatMap(increase));
  if (Number.isFinite(worst))
    samples.push({ name: 'guard.validation.latency_increase', value: worst, unit: 'Percent', ...name });
  return samples;
}

function of(rollout: string): { target: string; batch: string } {
  const name = parseRolloutKey(rollout);
  return { target: name?.target ?? 'unknown', batch: splitBatch(name?.batch ?? 'unknown').batch };
}

/** Percent above what the control says, or else above the baseline. */
function increase({ label, value, control, baseline }: EvidenceItem): number[] {
  const expected = control ?? baseline;
  if (!label.startsWith('latency_') || typeof value !== 'number' || !expected) return [];
  return [Math.round((value / expected - 1) * 1000) / 10];
}
