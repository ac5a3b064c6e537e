import { isNumberOfNothing } from '../config/promql-silence.js';
import { isPlainQuery } from '../config/query-scope.js';
import type { AnalysisMetric } from './template.js';

/**
 * What is wrong with the query itself: names of nothing, zeros that are made of silence, and what Datadog's v2 answers
 * with 400, "Functions are not supported in metrics data source field".
 */
export function queryFindings(metric: AnalysisMetric): string[] {
  const { datadog } = metric.provider;
  const findings: string[] = [];
  if (datadog) {
    const { queries, formula } = partsOf(datadog);
    if (datadog.apiVersion === 'v2')
      for (const query of Object.values(queries).filter((one) => !isPlainQuery(one)))
        findings.push(
          `Datadog's v2 takes functions and arithmetic in "formula" alone: ${query.trim().slice(0, 80)}`,
        );
    const named = namesIn(formula);
    for (const name of named) {
      if (queries[name] === undefined) findings.push(`the formula names query ${name}, which is not there`);
    }
    for (const name of Object.keys(queries)) {
      if (!named.includes(name)) findings.push(`query ${name} has no part in the formula ${formula}`);
    }
  }
  const silent = takesSilenceForHealth(metric);
  return silent === undefined ? findings : [...findings, silent];
}

/** How a query makes a number of no data; `undefined`: it does not. */
export function takesSilenceForHealth({ provider }: AnalysisMetric): string | undefined {
  const { prometheus, datadog } = provider;
  if (prometheus && isNumberOfNothing(prometheus.query))
    return 'passes without data: the query takes silence for a number, by `vector(...)` or `absent(...)`; let it be there only where something is measured, as in: or 0 * sum(up{...})';
  if (!datadog) return undefined;
  const { queries, formula } = partsOf(datadog);
  const whole = formula.replace(NAME, (name) => queries[name] ?? name);
  return /default_zero\s*\(/.test(whole) && !withoutDefaults(whole).includes('{')
    ? 'passes without data: default_zero takes silence for zero; add 0 times a query that always has data'
    : undefined;
}

function partsOf(datadog: NonNullable<AnalysisMetric['provider']['datadog']>) {
  const queries: Readonly<Record<string, string>> = datadog.queries ?? { query: datadog.query ?? '' };
  return { queries, formula: datadog.formula ?? Object.keys(queries)[0] ?? '' };
}

/** Behind the parenthesis that closes what is open at `from`. */
function endOf(text: string, from: number): number {
  let end = from;
  for (let depth = 1; end < text.length && depth > 0; end++) {
    if (text[end] === '(') depth++;
    if (text[end] === ')') depth--;
  }
  return end;
}

/** A word that is no function, no tag and no text. */
const NAME = /(?<![\w.:'"])[A-Za-z_]\w*(?![\w.:]|\s*\()/g;

function namesIn(formula: string): string[] {
  return [...new Set(formula.replace(/'[^']*'|"[^"]*"/g, '').match(NAME) ?? [])];
}

/** The text without what stands in `default_zero(...)`. */
function withoutDefaults(text: string): string {
  let rest = text;
  for (;;) {
    const found = /default_zero\s*\(/.exec(rest);
    if (!found) return rest;
    rest = rest.slice(0, found.index) + rest.slice(endOf(rest, found.index + found[0].length));
  }
}
