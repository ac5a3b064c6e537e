import { UsageError } from '../domain/errors.js';
import { type Condition, parseCondition } from './expression/evaluate.js';
import { goDurationMs } from './expression/time.js';
import { documentsOf } from './template-files.js';
import { type AnalysisTemplate, type TemplateMetric, templateSchema } from './template-schema.js';

/** A metric with its arguments filled in, its limits as numbers and its conditions parsed: ready to run. */
export interface AnalysisMetric {
  readonly name: string;
  /** Milliseconds between measurements; absent: one measurement. */
  readonly intervalMs?: number;
  readonly initialDelayMs: number;
  /** Measurements to take; absent: until the analysis ends. */
  readonly count?: number;
  readonly success?: Condition;
  readonly failure?: Condition;
  readonly failureLimit: number;
  readonly inconclusiveLimit: number;
  readonly consecutiveErrorLimit: number;
  readonly consecutiveSuccessLimit: number;
  /** Measured and shown, but without a say. */
  readonly dryRun: boolean;
  readonly provider: TemplateMetric['provider'];
}

/** Reads every template of a YAML text. @throws UsageError naming file, template and field. */
export function loadTemplates(text: string, file: string): AnalysisTemplate[] {
  const documents = documentsOf(text, (message) => {
    throw new UsageError(`${file}: ${message}`);
  });
  // A separator at the end of a file begins a document that holds nothing.
  return documents
    .filter((raw) => raw !== null)
    .map((raw) => {
      const parsed = templateSchema.safeParse(raw);
      if (parsed.success) return parsed.data;
      const issue = parsed.error.issues[0]!;
      const name = (raw as { metadata?: { name?: string } }).metadata?.name;
      throw new UsageError(
        `${name ? `${file}: ${name}` : file}: ${issue.path.join('.') || 'template'}: ${issue.message}`,
      );
    });
}

export interface ResolveOptions {
  /** Values of arguments, by name; they win over the template's own. */
  readonly args?: Readonly<Record<string, string>>;
  /** Where `spec.templates` are looked up, by name. */
  readonly others?: readonly AnalysisTemplate[];
  /** Also providers that GUARD does not ask: to check what is meant for Argo Rollouts. */
  readonly anyProvider?: boolean;
}

/**
 * Fills in arguments and checks every metric, so that what could never fail or never pass is found before
 * anything is measured. @throws UsageError naming template, metric and what to do.
 */
export function resolveTemplate(template: AnalysisTemplate, options: ResolveOptions = {}): AnalysisMetric[] {
  const all = flatten(template, options.others ?? [], []);
  const name = template.metadata.name;
  const metrics = all.flatMap((one) => one.spec.metrics);
  if (metrics.length === 0) throw new UsageError(`${name}: no metric, so nothing could ever fail it`);
  const twice = metrics.find((metric, i) => metrics.findIndex((other) => other.name === metric.name) !== i);
  if (twice) throw new UsageError(`${name}: metric ${twice.name} is there twice`);
  const args = valuesOf(all, options.args ?? {});
  const dryRun = dryRunOf(all, name);
  const resolved = metrics.map((metric) =>
    resolveMetric(name, metric, args, dryRun, options.anyProvider === true),
  );
  if (resolved.every((metric) => metric.dryRun)) {
    throw new UsageError(`${name}: every metric is a dry run, so nothing could ever fail it`);
  }
  return resolved;
}

function flatten(
  template: AnalysisTemplate,
  others: readonly AnalysisTemplate[],
  path: readonly string[],
): AnalysisTemplate[] {
  const { name } = template.metadata;
  if (path.includes(name))
    throw new UsageError(`${path[0]}: templates refer to each other: ${[...path, name].join(' -> ')}`);
  const referenced = template.spec.templates.flatMap(({ templateName, clusterScope }) => {
    const kind = clusterScope ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
    const other = others.find((one) => one.metadata.name === templateName && one.kind === kind);
    if (!other) throw new UsageError(`${name}: there is no ${kind} named ${templateName}`);
    return flatten(other, others, [...path, name]);
  });
  return [template, ...referenced];
}

function valuesOf(
  templates: readonly AnalysisTemplate[],
  given: Readonly<Record<string, string>>,
): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>();
  for (const { spec } of templates) {
    for (const arg of spec.args) values.set(arg.name, given[arg.name] ?? values.get(arg.name) ?? arg.value);
  }
  return values;
}

function dryRunOf(templates: readonly AnalysisTemplate[], name: string): (metric: string) => boolean {
  const patterns = templates.flatMap(({ spec }) => spec.dryRun.map(({ metricName }) => metricName));
  const tests = patterns.map((pattern) => {
    try {
      return new RegExp(pattern, 'u');
    } catch {
      throw new UsageError(`${name}: dryRun: "${pattern}" is not a regular expression`);
    }
  });
  return (metric) => tests.some((test) => test.test(metric));
}

function resolveMetric(
  template: string,
  raw: TemplateMetric,
  args: ReadonlyMap<string, string | undefined>,
  isDryRun: (metric: string) => boolean,
  anyProvider: boolean,
): AnalysisMetric {
  const where = `${template}: metric ${raw.name}`;
  const metric = fill(raw, args, where) as TemplateMetric;
  const integer = (value: number | string | undefined, field: string, otherwise: number): number => {
    const number = value === undefined ? otherwise : Number(value);
    if (value === '' || !Number.isInteger(number) || number < -1) {
      throw new UsageError(`${where}: ${field} "${value}" is not a whole number`);
    }
    return number;
  };
  const intervalMs =
    metric.interval === undefined ? undefined : durationMs(metric.interval, `${where}: interval`);
  const count =
    metric.count === undefined || metric.count === 0 ? undefined : integer(metric.count, 'count', 0);
  const resolved: AnalysisMetric = {
    name: metric.name,
    ...(intervalMs === undefined ? {} : { intervalMs }),
    initialDelayMs: metric.initialDelay ? durationMs(metric.initialDelay, `${where}: initialDelay`) : 0,
    ...(count !== undefined ? { count } : intervalMs === undefined ? { count: 1 } : {}),
    ...(metric.successCondition ? { success: parseCondition(metric.successCondition) } : {}),
    ...(metric.failureCondition ? { failure: parseCondition(metric.failureCondition) } : {}),
    failureLimit: integer(metric.failureLimit, 'failureLimit', 0),
    inconclusiveLimit: integer(metric.inconclusiveLimit, 'inconclusiveLimit', 0),
    consecutiveErrorLimit: integer(metric.consecutiveErrorLimit, 'consecutiveErrorLimit', 4),
    consecutiveSuccessLimit: integer(metric.consecutiveSuccessLimit, 'consecutiveSuccessLimit', 0),
    dryRun: isDryRun(metric.name),
    provider: metric.provider,
  };
  const problem = problemOf(resolved, anyProvider);
  if (problem) throw new UsageError(`${where}: ${problem}`);
  return resolved;
}

/** Where Argo Rollouts would pass whatever is measured, or never pass: refused here. */
function problemOf(metric: AnalysisMetric, anyProvider: boolean): string | undefined {
  const { count, failureLimit, inconclusiveLimit } = metric;
  if (!metric.success && !metric.failure) {
    return 'neither successCondition nor failureCondition, so it could never fail';
  }
  if (!anyProvider && metric.provider.prometheus === undefined && metric.provider.datadog === undefined) {
    return 'its provider is not one that GUARD asks: use prometheus or datadog';
  }
  if (failureLimit === -1) return 'failureLimit -1 (unlimited) could never fail';
  if (inconclusiveLimit === -1) return 'inconclusiveLimit -1 (unlimited) would pass what was never measured';
  if (metric.consecutiveErrorLimit === -1) return 'consecutiveErrorLimit -1 would wait for ever';
  if (count !== undefined && count < 1) return `count ${count} measures nothing`;
  if (count !== undefined && failureLimit >= count) {
    return `failureLimit ${failureLimit} allows all of its ${count} measurements to fail; it must be below count`;
  }
  if (count !== undefined && failureLimit + inconclusiveLimit >= count) {
    return `failureLimit ${failureLimit} and inconclusiveLimit ${inconclusiveLimit} together allow that none of its ${count} measurements succeeds`;
  }
  if (count !== undefined && metric.consecutiveSuccessLimit > count) {
    return `consecutiveSuccessLimit ${metric.consecutiveSuccessLimit} is above count ${count}: it could never pass`;
  }
  if (count !== undefined && count > 1 && metric.intervalMs === undefined)
    return `count ${count} needs an interval`;
  if (metric.intervalMs !== undefined && metric.intervalMs < 1000)
    return 'interval must be at least one second';
  return undefined;
}

/** `{{args.x}}` in every text of a value. An argument without a value is an error, never an empty text. */
function fill(value: unknown, args: ReadonlyMap<string, string | undefined>, where: string): unknown {
  if (typeof value === 'string') {
    const filled = value.replace(/\{\{\s*args\.([\w.-]+)\s*\}\}/g, (_, name: string) => {
      const given = args.get(name);
      if (given !== undefined) return given;
      throw new UsageError(
        `${where}: argument "${name}" ${args.has(name) ? 'has no value' : 'is not declared in spec.args'}`,
      );
    });
    const left = /\{\{[^}]*\}\}/.exec(filled);
    if (left) throw new UsageError(`${where}: ${left[0]} is not an argument; write {{args.name}}`);
    return filled;
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, args, where));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, args, where)]));
  }
  return value;
}

/** Go's durations: `30s`, `5m`, `1h30m`. @throws UsageError */
export function durationMs(text: string, where: string): number {
  const ms = goDurationMs(text);
  if (ms === undefined || ms < 0)
    throw new UsageError(`${where}: "${text}" is not a duration; write 30s, 5m or 1h30m`);
  return ms;
}
