import type { AnalysisMetric } from './template.js';

/** What is wrong with the query itself: names of nothing, and zeros that are made of silence. */
export function queryFindings({ provider: { prometheus, datadog } }: AnalysisMetric): string[] {
  const findings: string[] = [];
  if (prometheus && /\bor\s+(?:on\s*\([^)]*\)\s*)?vector\s*\(/.test(prometheus.query)) {
    findings.push(
      'passes without data: the query takes silence for a number, by `or vector(...)`; let it be there only where something is measured, as in: or 0 * sum(up{...})',
    );
  }
  if (!datadog) return findings;
  const queries = datadog.queries ?? { query: datadog.query ?? '' };
  const formula = datadog.formula ?? Object.keys(queries)[0] ?? '';
  const named = namesIn(formula);
  for (const name of named) {
    if (queries[name] === undefined) findings.push(`the formula names query ${name}, which is not there`);
  }
  for (const name of Object.keys(queries)) {
    if (!named.includes(name)) findings.push(`query ${name} has no part in the formula ${formula}`);
  }
  const whole = formula.replace(NAME, (name) => queries[name] ?? name);
  if (/default_zero\s*\(/.test(whole) && !withoutDefaults(whole).includes('{')) {
    findings.push(
      'passes without data: default_zero takes silence for zero; add 0 times a query that always has data',
    );
  }
  return findings;
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
    let end = found.index + found[0].length;
    for (let depth = 1; end < rest.length && depth > 0; end++) {
      if (rest[end] === '(') depth++;
      if (rest[end] === ')') depth--;
    }
    rest = rest.slice(0, found.index) + rest.slice(end);
  }
}
