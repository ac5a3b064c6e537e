import { KINDS, type Manifest, type Report } from './template-files.js';
import type { AnalysisTemplate } from './template-schema.js';

/**
 * Every `templateName` anywhere (Rollout, AnalysisRun, Experiment) must be one of the folder's templates, and be given
 * the arguments that it needs.
 */
export function checkReferences(
  manifests: readonly Manifest[],
  all: readonly AnalysisTemplate[],
  report: Report,
): void {
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, path);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const { templates, args } = value as { templates?: unknown; args?: unknown };
    if (Array.isArray(templates)) checkArguments(path, templates, args, all, report);
    const { templateName, clusterScope } = value as { templateName?: unknown; clusterScope?: unknown };
    if (typeof templateName === 'string') {
      const kind = clusterScope === true ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
      const same = all.filter((one) => one.metadata.name === templateName);
      if (same.length === 0) report(path, `refers to ${kind} ${templateName}, which is not here`);
      else if (!same.some((one) => one.kind === kind)) {
        report(
          path,
          `refers to ${kind} ${templateName}, which is a ${same[0]!.kind}: clusterScope must be ${clusterScope !== true}`,
        );
      }
    }
    for (const item of Object.values(value)) visit(item, path);
  };
  // A template's own references were judged with the template.
  for (const { path, raw } of manifests) if (!KINDS.includes(String(raw.kind))) visit(raw, path);
}

/** Argo Rollouts drops an argument that no template has, and finds a missing one when the analysis begins. */
function checkArguments(
  path: string,
  references: readonly unknown[],
  args: unknown,
  all: readonly AnalysisTemplate[],
  report: Report,
): void {
  const names = references.map((one) => (one as { templateName?: unknown } | null)?.templateName);
  const used = withReferenced(
    all.filter((one) => names.includes(one.metadata.name)),
    all,
  );
  // What is not here was reported, and may want any argument.
  if (used.length === 0 || names.some((name) => !all.some((one) => one.metadata.name === name))) return;
  const declared = used.flatMap((one) => one.spec.args);
  const given = (Array.isArray(args) ? args : []).map((one) => String((one as { name?: unknown })?.name));
  const what = used.map((one) => one.metadata.name).join(', ');
  for (const name of given) {
    if (!declared.some((arg) => arg.name === name))
      report(path, `gives ${what} the argument ${name}, which it does not have: it is ignored`);
  }
  const needed = declared.filter((arg) => arg.value === undefined && arg.valueFrom === undefined);
  for (const name of new Set(needed.map((arg) => arg.name))) {
    const otherwise = declared.some((arg) => arg.name === name && !needed.includes(arg));
    if (!otherwise && !given.includes(name))
      report(path, `refers to ${what} without its argument ${name}, which has no value of its own`);
  }
}

function withReferenced(
  templates: readonly AnalysisTemplate[],
  all: readonly AnalysisTemplate[],
): AnalysisTemplate[] {
  const found = new Set<AnalysisTemplate>();
  const add = (one: AnalysisTemplate): void => {
    if (found.has(one)) return;
    found.add(one);
    for (const { templateName } of one.spec.templates)
      for (const other of all) if (other.metadata.name === templateName) add(other);
  };
  for (const one of templates) add(one);
  return [...found];
}

/** A dry run or a retention of a metric that is not there: it was meant for another one. */
export function checkSelections(
  path: string,
  { metadata, spec }: AnalysisTemplate,
  metrics: readonly { readonly name: string }[],
  report: Report,
): void {
  for (const field of ['dryRun', 'measurementRetention'] as const) {
    for (const { metricName } of spec[field]) {
      let pattern: RegExp | undefined;
      try {
        pattern = new RegExp(metricName, 'u');
      } catch {
        // Reported below, like one that fits nothing.
      }
      if (!metrics.some(({ name }) => pattern?.test(name)))
        report(path, `${metadata.name}: ${field} names metric ${metricName}, which is not here`);
    }
  }
}
