/** A placeholder that a cluster's own name or tag takes the place of: `{cluster_name}`, `{kube_cluster_name}`. */
const CLUSTER_PLACEHOLDER = /\{\w*cluster\w*\}/;

/**
 * The parts of a Datadog query whose scope does not name the cluster: every `metric{scope}` must. A grouping
 * (`by {host}`) is no scope. A query without any scope is returned whole.
 */
export function unscopedSelectors(query: string): string[] {
  const found = scopes(query);
  if (found.length === 0) return [shorten(query)];
  return found.filter(({ scope }) => !namesOneCluster(scope)).map(({ selector }) => shorten(selector));
}

const PLAIN = /^\s*\w+:[\w.%-]+\s*\{(?:[^{}]|\{[^{}]*\})*\}(?:\s*by\s*\{[^{}]*\})?(?:\.\w+\([^()]*\))*\s*$/;

/** Whether a Datadog query is one selector: without arithmetic and functions, which v2 takes in a formula alone. */
export function isPlainQuery(query: string): boolean {
  return PLAIN.test(query);
}

/** Tags that the parts of a Datadog query are grouped by besides the cluster's, part by part. */
export function groupingsOf(query: string): string[][] {
  return scopes(query).map(({ scope, by }) => {
    const clusterTags = [...scope.matchAll(/([\w./-]+):\{\w*cluster\w*\}/g)].map(([, tag]) => tag);
    const tags = by.split(',').map((tag) => tag.trim());
    return tags.filter((tag) => tag !== '' && !clusterTags.includes(tag)).sort();
  });
}

/** A clause that every series must meet names the cluster: not negated, and no alternative beside it. */
function namesOneCluster(scope: string): boolean {
  const outer = scope.replace(/\([^()]*\)/g, '()');
  if (/\bOR\b/i.test(outer)) return false;
  return outer
    .split(/,|\bAND\b/i)
    .some((clause) => CLUSTER_PLACEHOLDER.test(clause) && !/^\s*(!|NOT\b)/i.test(clause));
}

/** Top-level braces with the metric before them, and the grouping after; placeholders nest inside. */
function scopes(query: string): { selector: string; scope: string; by: string }[] {
  const found: { selector: string; scope: string; by: string }[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < query.length; at++) {
    if (query[at] === '{' && depth++ === 0) start = at;
    if (query[at] !== '}' || depth === 0 || --depth > 0) continue;
    const before = query.slice(0, start);
    if (/\bby\s*$/.test(before)) continue;
    const metric = /[\w.:-]*\s*$/.exec(before)?.[0] ?? '';
    const by = /^\s*by\s*\{([^}]*)\}/.exec(query.slice(at + 1))?.[1] ?? '';
    found.push({ selector: metric + query.slice(start, at + 1), scope: query.slice(start + 1, at), by });
  }
  return found;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
