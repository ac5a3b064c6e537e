import type { Condition } from './expression/evaluate.js';
import type { AnalysisMetric } from './template.js';

/** Conditions that decide without looking, and those that pass where nothing was measured. */
export function conditionFindings(metric: AnalysisMetric): string[] {
  const { success } = metric;
  const findings = foregone(metric);
  for (const [name, value] of [
    ['no data (nil)', null],
    ['an empty list', []],
    ['NaN', Number.NaN],
    ['a list of NaN', [Number.NaN]],
  ] as const) {
    if (success && outcomes(success, [value]).includes(true))
      findings.push(`passes on ${name}: ${success.text}`);
  }
  return findings;
}

/** Conditions that say the same whatever is measured, as far as samples tell. */
export function foregone({ success, failure }: AnalysisMetric): string[] {
  const findings: string[] = [];
  const samples = samplesFor(`${success?.text ?? ''} ${failure?.text ?? ''}`);
  if (success) {
    const results = new Set(outcomes(success, samples));
    if (results.size === 1 && results.has(true) && !failure) findings.push(`can never fail: ${success.text}`);
    if (results.size === 1 && results.has(false)) findings.push(`can never pass: ${success.text}`);
  }
  if (failure) {
    const results = new Set(outcomes(failure, samples));
    if (results.size === 1 && results.has(false) && !success)
      findings.push(`can never fail: ${failure.text}`);
    if (results.size === 1 && results.has(true)) findings.push(`can never pass: ${failure.text}`);
  }
  return findings;
}

/** At any time of any day of a week: a condition may ask for the time. */
const TIMES = Array.from({ length: 14 }, (_, half) => Date.UTC(2026, 0, 5, 12 * half + 3));

function outcomes({ test, text }: Condition, samples: readonly unknown[]): boolean[] {
  const times = /\bnow\s*\(/.test(text) ? TIMES : TIMES.slice(0, 1);
  return samples.flatMap((sample) =>
    times.flatMap((time) => {
      try {
        return [test(sample, time)];
      } catch {
        return [];
      }
    }),
  );
}

/** Items of the longest list of the samples. */
const LONGEST = 200;

/** Numbers of every size, and around and between those that the conditions name; alone, and in lists of any length. */
function samplesFor(conditions: string): unknown[] {
  const named = [...conditions.matchAll(/\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi)]
    .map(([text]) => Number(text))
    .slice(0, 12);
  const near = named.flatMap((value) => [value, value * 1.0001 + 1e-9, value * 0.9999 - 1e-9, -value]);
  const between = named.flatMap((a) => named.map((b) => (a + b) / 2));
  const numbers = [-1e12, -1, 0, 1e-6, 0.01, 0.5, 1, 2, 10, 1000, 1e6, 1e12, ...near, ...between];
  const lengths = named.filter((value) => Number.isInteger(value) && value > 2 && value < LONGEST);
  const lists = [
    // Of different values too: a condition may compare one with another.
    ...[1, 2, 5, 11].flatMap((stride) =>
      numbers.map((_, at) => [0, 1, 2].map((step) => numbers[(at + step * stride) % numbers.length]!)),
    ),
    ...[...lengths, ...lengths.map((value) => value + 1)].flatMap((length) =>
      [numbers[0]!, 0, 1, ...named].map((value) => new Array<number>(length).fill(value)),
    ),
  ];
  return [...numbers.flatMap((value) => [value, [value], [value, value], [value, value, value]]), ...lists];
}
