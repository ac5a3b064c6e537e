import { UsageError } from '../../domain/errors.js';
import type { MetricCluster } from '../../ports/metrics.js';
import { namesCluster, placeholderValue } from '../shared/placeholders.js';

/**
 * One query text with `{cluster_name}` in its scopes, for many clusters in one request: the scope becomes
 * `cluster_name IN (a,b)`, grouped `by {cluster_name}`. Datadog's v2 API takes one selector a query and the
 * arithmetic in a formula, so the text is taken apart.
 */
export interface QueryTemplate {
  /** The text with `a`, `b`, ... in place of the selectors. */
  readonly formula: string;
  /** The tag that tells clusters apart in the answer. */
  readonly tag: string;
  /** Tags that every selector is grouped by besides the cluster's. */
  readonly groups: readonly string[];
  readonly selectors: readonly Selector[];
}

interface Selector {
  readonly name: string;
  /** `sum:istio.requests.total` */
  readonly metric: string;
  readonly scope: string;
  /** `.as_count().rollup(sum, 60)` */
  readonly suffix: string;
}

const CLUSTER_TERM = /^([\w./-]+):\{(\w+)\}$/;

/**
 * @param grouped a cluster may have several series
 * @throws UsageError when a selector is not scoped by cluster, or grouped by anything else.
 */
export function parseQuery(text: string, grouped = false): QueryTemplate {
  const query = text.replace(/\s+/g, ' ').trim();
  const selectors: Selector[] = [];
  const tags = new Set<string>();
  const groupings: string[][] = [];
  let formula = '';
  let rest = query;
  for (;;) {
    const open = rest.indexOf('{');
    if (open === -1) break;
    const metric = /[A-Za-z0-9_]+:[\w.%-]+ ?$/.exec(rest.slice(0, open))?.[0];
    const close = closing(rest, open);
    if (metric === undefined || close === -1) throw unreadable(query);
    const scope = rest.slice(open + 1, close);
    const tag = clusterTag(scope, query);
    tags.add(tag);
    const name = nameOf(selectors.length);
    formula += rest.slice(0, open - metric.length) + name;
    rest = rest.slice(close + 1);
    const grouping = /^\s*by\s*\{([^}]*)\}/.exec(rest);
    rest = rest.slice(grouping?.[0].length ?? 0);
    groupings.push(groupsOf(grouping?.[1] ?? '', tag));
    const suffix = /^(?:\.[a-z_]+\([^()]*\))*/.exec(rest)?.[0] ?? '';
    rest = rest.slice(suffix.length);
    selectors.push({ name, metric: metric.trim(), scope, suffix });
  }
  if (selectors.length === 0) throw unreadable(query);
  if (tags.size > 1) {
    throw new UsageError(
      `The query '${query}' tells clusters apart by different tags (${[...tags].join(', ')}): use one in all its parts`,
    );
  }
  const groups = groupings[0]!;
  const odd = groupings.find((one) => one.join() !== groups.join());
  if (odd)
    throw new UsageError(
      `The query '${query}' is grouped by {${groups.join()}} and by {${odd.join()}}: group all its parts alike`,
    );
  if (groups.length > 0 && !grouped)
    throw new UsageError(
      `The query '${query}' groups by ${groups.join()}: a gate needs one series a cluster, remove it`,
    );
  return { formula: formula + rest, tag: [...tags][0]!, groups, selectors };
}

/** Tags of a grouping besides the cluster's own. */
function groupsOf(grouping: string, tag: string): string[] {
  return grouping
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== tag)
    .sort();
}

/** Functions that look at all series of a request: asked for many clusters, the first ten would be those of a few. */
const WHOLE_ANSWER = /\b(?:top|bottom|outliers|count_(?:nonzero|not_null))\w*\s*\(/;

/**
 * Whether the query means what it says only when it is asked for one cluster alone. `default_zero` makes a zero where
 * there is no series at all, but not of a group that is not there; zeros alone would be made of silence, and so they
 * are made only beside something that must be there.
 */
export function standsAlone({ formula, selectors }: QueryTemplate): boolean {
  if (WHOLE_ANSWER.test(formula)) return true;
  const rest = withoutDefaults(formula);
  return rest !== formula && selectors.some(({ name }) => new RegExp(`\\b${name}\\b`).test(rest));
}

/** The formula without what stands in `default_zero(...)`. */
function withoutDefaults(formula: string): string {
  const found = /\bdefault_zero\s*(?=\()/.exec(formula);
  if (!found) return formula;
  const open = found.index + found[0].length;
  const end = closing(formula, open, '(', ')');
  return withoutDefaults(formula.slice(0, found.index) + (end === -1 ? '' : formula.slice(end + 1)));
}

/**
 * Queries for clusters that agree in every placeholder but the cluster's own.
 *
 * @param alone one cluster, which the answer need not name
 */
export function renderQueries(template: QueryTemplate, clusters: readonly MetricCluster[], alone = false) {
  const tags = [...(alone ? [] : [template.tag]), ...template.groups];
  const by = tags.length > 0 ? ` by {${tags.join(',')}}` : '';
  return template.selectors.map(({ name, metric, scope, suffix }) => ({
    data_source: 'metrics',
    name,
    query: `${metric}{${renderScope(scope, clusters)}}${by}${suffix}`,
  }));
}

/** The same as one text, with the arithmetic as it was written. */
export function renderText(
  template: QueryTemplate,
  clusters: readonly MetricCluster[],
  alone: boolean,
): string {
  const byName = new Map(renderQueries(template, clusters, alone).map(({ name, query }) => [name, query]));
  return template.formula.replace(/\b[a-z]\w*\b(?!\s*\()/g, (name) => byName.get(name) ?? name);
}

/** Clusters with the same key can be asked for together. */
export function groupKey(template: QueryTemplate, cluster: MetricCluster): string {
  const values = template.selectors.flatMap(({ scope }) =>
    terms(scope).flatMap((term) =>
      [...term.matchAll(/(?:([\w./-]+):)?\{(\w+)\}/g)]
        .filter(([, , placeholder]) => !namesCluster(placeholder!))
        .map(([, key, placeholder]) => placeholderValue(placeholder!, key, cluster)),
    ),
  );
  return values.join('\n');
}

/** The value that stands for the cluster in the template's scopes, as Datadog stores tags: in lower case. */
export function clusterValue(template: QueryTemplate, cluster: MetricCluster): string {
  for (const term of terms(template.selectors[0]!.scope)) {
    const match = CLUSTER_TERM.exec(term);
    if (match && namesCluster(match[2]!)) return placeholderValue(match[2]!, match[1], cluster).toLowerCase();
  }
  return cluster.cluster_id;
}

/** Commas and `!` cannot be mixed with IN and NOT in Datadog, so they are spelt out. */
function renderScope(scope: string, clusters: readonly MetricCluster[]): string {
  const first = clusters[0]!;
  return terms(scope)
    .map((term) => {
      const match = CLUSTER_TERM.exec(term);
      if (match && namesCluster(match[2]!)) {
        const values = clusters.map((cluster) => placeholderValue(match[2]!, match[1], cluster));
        return `${match[1]} IN (${values.join(',')})`;
      }
      return term
        .replace(/(?:([\w./-]+):)?\{(\w+)\}/g, (_, key: string | undefined, placeholder: string) => {
          const value = placeholderValue(placeholder, key, first);
          return key === undefined ? value : `${key}:${value}`;
        })
        .replace(/^!\s*/, 'NOT ');
    })
    .join(' AND ');
}

function clusterTag(scope: string, query: string): string {
  const parts = terms(scope);
  if (parts.some((part) => / OR /i.test(part.replace(/\([^()]*\)/g, '')))) {
    throw new UsageError(
      `The query '${query}' has OR in {${scope}}: put it in parentheses, else AND binds first`,
    );
  }
  for (const part of parts) {
    const match = CLUSTER_TERM.exec(part);
    if (match && namesCluster(match[2]!)) return match[1]!;
  }
  throw new UsageError(
    `The query '${query}' is not scoped by cluster in {${scope}}: add cluster_name:{cluster_name}, joined by a comma or AND`,
  );
}

/** Parts joined by AND or a comma, outside parentheses. */
function terms(scope: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < scope.length; at++) {
    if (scope[at] === '(') depth++;
    if (scope[at] === ')') depth--;
    const joint = depth === 0 ? (/^(?:,| AND )/i.exec(scope.slice(at))?.[0].length ?? 0) : 0;
    if (joint === 0) continue;
    parts.push(scope.slice(start, at));
    start = at + joint;
    at = start - 1;
  }
  parts.push(scope.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== '' && part !== '*');
}

function closing(text: string, open: number, opens = '{', closes = '}'): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === opens) depth++;
    if (text[at] === closes && --depth === 0) return at;
  }
  return -1;
}

function unreadable(query: string): UsageError {
  return new UsageError(
    `The query '${query}' has no readable selector such as avg:metric.name{cluster_name:{cluster_name}}`,
  );
}

/** a, b, ... z, q26, q27, ... */
function nameOf(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `q${index}`;
}
