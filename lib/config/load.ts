import { LineCounter, parseDocument } from 'yaml';
import { UsageError } from '../domain/errors.js';
import { describeIssues } from './describe-issues.js';
import { metricProblems } from './metric-problems.js';
import { type Config, configSchema, type ValidationSettings } from './schema.js';

/**
 * `text` (YAML or JSON) as a complete configuration, defaults filled in. @throws UsageError with one line for
 * each thing that is wrong: `file: path.to.key: what is wrong, what is allowed`.
 */
export function parseConfig(text: string, file: string): Config {
  const parsed = configSchema.safeParse(parseYaml(text, file) ?? {});
  if (!parsed.success) fail(file, describeIssues(parsed.error, configSchema));
  const config = parsed.data;
  const problems = [
    ...batchProblems(config),
    ...orderProblems(config),
    ...soakProblems(config),
    ...metricProblems(config),
    ...checkProblems(config),
  ];
  if (problems.length > 0) fail(file, problems);
  return config;
}

/** The validation settings of one batch in one environment: the batch's own win over the environment's. */
export function settingsFor(
  config: Pick<Config, 'validation'>,
  where: { environment?: string; batch?: string },
): ValidationSettings {
  const { environments, batches, ...base } = config.validation;
  const overrides = [
    where.environment === undefined ? undefined : environments[where.environment],
    where.batch === undefined ? undefined : batches[where.batch],
  ];
  let settings: ValidationSettings = base;
  for (const override of overrides) {
    const { thresholds = {}, ...rest } = (override ?? {}) as Partial<ValidationSettings>;
    settings = {
      ...settings,
      ...defined(rest),
      thresholds: { ...settings.thresholds, ...defined(thresholds) },
    };
  }
  return settings;
}

/** @throws UsageError with file and line of what is no YAML */
export function parseYaml(text: string, file: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new UsageError(
      document.errors
        .map((error) => `${file}:${lines.linePos(error.pos[0]).line}: not valid YAML: ${error.message}`)
        .join('\n'),
    );
  }
  return document.toJS();
}

/** One line for each problem. @throws UsageError */
export function fail(file: string, problems: readonly string[]): never {
  throw new UsageError(problems.map((problem) => `${file}: ${problem}`).join('\n'), {
    context: { file, problems: problems.length },
  });
}

function batchProblems({ batches, validation }: Config): string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  const batchOf = new Map<string, string>();
  for (const [index, batch] of batches.entries()) {
    if (names.has(batch.name)) {
      problems.push(`batches.${index}.name: '${batch.name}' is there twice; a batch is named once`);
    }
    names.add(batch.name);
    for (const cluster of batch.clusters ?? []) {
      const other = batchOf.get(cluster);
      if (other !== undefined) {
        problems.push(
          `batches.${index}.clusters: '${cluster}' is in '${other}' already; a cluster is in one batch`,
        );
      }
      batchOf.set(cluster, batch.name);
    }
  }
  for (const name of Object.keys(validation.batches)) {
    if (unknown(name, names)) problems.push(`validation.batches.${name}: ${noSuchBatch(name, names)}`);
  }
  return problems;
}

function orderProblems({ batches, batch_order: order }: Config): string[] {
  const names = new Set(batches.map(({ name }) => name));
  const problems: string[] = [];
  for (const [batch, before] of Object.entries(order)) {
    if (unknown(batch, names)) problems.push(`batch_order.${batch}: ${noSuchBatch(batch, names)}`);
    for (const [index, name] of before.entries()) {
      if (unknown(name, names)) problems.push(`batch_order.${batch}.${index}: ${noSuchBatch(name, names)}`);
    }
  }
  const cycle = findCycle(order);
  if (cycle) {
    problems.push(
      `batch_order.${cycle[0]}: a circle (${cycle.join(' -> ')}), so none of them could ever start`,
    );
  }
  return problems;
}

/** Without a list of batches the registry alone says which there are. */
function unknown(name: string, names: ReadonlySet<string>): boolean {
  return names.size > 0 && !names.has(name);
}

function noSuchBatch(name: string, names: ReadonlySet<string>): string {
  return `no batch '${name}' is listed under batches; there are ${[...names].join(', ')}`;
}

/** The first circle of "must come first", as its batches with the first one again at the end. */
function findCycle(order: Config['batch_order']): string[] | undefined {
  const done = new Set<string>();
  function visit(batch: string, path: readonly string[]): string[] | undefined {
    const at = path.indexOf(batch);
    if (at !== -1) return [...path.slice(at), batch];
    if (done.has(batch)) return undefined;
    for (const before of order[batch] ?? []) {
      const cycle = visit(before, [...path, batch]);
      if (cycle) return cycle;
    }
    done.add(batch);
    return undefined;
  }
  for (const batch of Object.keys(order)) {
    const cycle = visit(batch, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** A soak that may not last as long as it must would end every rollout in the hands of a human. */
function soakProblems(config: Config): string[] {
  const { environments, batches } = config.validation;
  const places: { where: string; environment?: string; batch?: string }[] = [
    { where: 'validation' },
    ...Object.keys(environments).map((environment) => ({
      where: `validation.environments.${environment}`,
      environment,
    })),
    ...Object.keys(batches).map((batch) => ({ where: `validation.batches.${batch}`, batch })),
  ];
  return places.flatMap(({ where, ...which }) => {
    const { soak_period_minutes: soak, soak_maximum_minutes: maximum } = settingsFor(config, which);
    if (maximum >= soak) return [];
    return [`${where}.soak_maximum_minutes: ${maximum} is less than soak_period_minutes (${soak})`];
  });
}

function checkProblems({ checks }: Config): string[] {
  return checks.flatMap(({ name }, index) =>
    checks.findIndex((one) => one.name === name) === index
      ? []
      : [`checks.${index}.name: '${name}' is there twice; a check is named once`],
  );
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}
