import { dirname, join, normalize } from 'node:path/posix';
import { parseAllDocuments } from 'yaml';
import { messageOf } from '../domain/errors.js';
import type { Condition } from './expression/evaluate.js';
import { type AnalysisMetric, loadTemplates, resolveTemplate } from './template.js';
import { type AnalysisTemplate, templateSchema } from './template-schema.js';

/** Path inside the folder, with slashes, and text. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

export interface TemplateFinding {
  readonly path: string;
  readonly message: string;
}

interface Manifest {
  readonly path: string;
  readonly raw: Record<string, unknown>;
}

const KINDS = ['AnalysisTemplate', 'ClusterAnalysisTemplate'];

/**
 * What is wrong in a folder of analysis templates: references to nothing, kustomize settings that overwrite
 * templates without a word, and templates that can never fail, never pass, or pass without data.
 */
export function checkTemplates(files: readonly TemplateFile[]): {
  templates: number;
  findings: TemplateFinding[];
} {
  const findings: TemplateFinding[] = [];
  const report = (path: string, message: string) => findings.push({ path, message });
  const manifests: Manifest[] = [];
  for (const { path, text } of files) {
    for (const document of parseAllDocuments(text)) {
      const broken = document.errors[0];
      if (broken) report(path, `not YAML: ${broken.message.split('\n')[0]}`);
      const raw: unknown = broken ? undefined : document.toJS();
      if (typeof raw === 'object' && raw !== null)
        manifests.push({ path, raw: raw as Record<string, unknown> });
    }
  }
  const patches = patchFiles(manifests);
  const templates: { path: string; template: AnalysisTemplate }[] = [];
  for (const { path, raw } of manifests) {
    if (!KINDS.includes(String(raw.kind)) || patches.has(path)) continue;
    const parsed = templateSchema.safeParse(raw);
    if (parsed.success) templates.push({ path, template: parsed.data });
    else {
      try {
        loadTemplates(JSON.stringify(raw), path);
      } catch (error) {
        report(path, messageOf(error).replace(`${path}: `, ''));
      }
    }
  }
  const all = templates.map(({ template }) => template);
  for (const { path, template } of templates) checkTemplate(path, template, all, report);
  checkNames(templates, report);
  checkReferences(manifests, all, report);
  checkKustomizations(files, manifests, templates, report);
  return { templates: templates.length, findings };
}

type Report = (path: string, message: string) => void;

function checkTemplate(
  path: string,
  template: AnalysisTemplate,
  all: readonly AnalysisTemplate[],
  report: Report,
): void {
  let metrics: AnalysisMetric[] | undefined;
  let first: unknown;
  // Arguments are given by who uses the template: a number and a duration stand in for them.
  for (const standIn of ['1', '1m']) {
    const args = Object.fromEntries(
      template.spec.args.filter((arg) => arg.value === undefined).map((arg) => [arg.name, standIn]),
    );
    try {
      metrics ??= resolveTemplate(template, { args, others: all, anyProvider: true });
    } catch (error) {
      first ??= error;
    }
  }
  if (!metrics) return void report(path, messageOf(first));
  for (const metric of metrics) {
    const where = `${template.metadata.name}: metric ${metric.name}`;
    for (const message of conditionFindings(metric)) report(path, `${where}: ${message}`);
  }
}

function conditionFindings(metric: AnalysisMetric): string[] {
  const { success, failure } = metric;
  const findings: string[] = [];
  const samples = samplesFor(`${success?.text ?? ''} ${failure?.text ?? ''}`);
  if (success) {
    const results = outcomes(success, samples);
    if (results.every((one) => one) && results.length > 0 && !failure)
      findings.push(`can never fail: ${success.text}`);
    if (results.every((one) => !one) && results.length > 0) findings.push(`can never pass: ${success.text}`);
    for (const [name, value] of [
      ['no data (nil)', null],
      ['an empty list', []],
      ['NaN', Number.NaN],
      ['a list of NaN', [Number.NaN]],
    ] as const) {
      if (outcomes(success, [value]).includes(true)) findings.push(`passes on ${name}: ${success.text}`);
    }
  }
  if (failure) {
    const results = outcomes(failure, samples);
    if (results.every((one) => !one) && results.length > 0 && !success)
      findings.push(`can never fail: ${failure.text}`);
    if (results.every((one) => one) && results.length > 0) findings.push(`can never pass: ${failure.text}`);
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

/** Numbers of every size, and around and between those that the conditions name; alone and in lists. */
function samplesFor(conditions: string): unknown[] {
  const named = [...conditions.matchAll(/\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi)]
    .map(([text]) => Number(text))
    .slice(0, 12);
  const near = named.flatMap((value) => [value, value * 1.0001 + 1e-9, value * 0.9999 - 1e-9, -value]);
  const between = named.flatMap((a) => named.map((b) => (a + b) / 2));
  const numbers = [-1e12, -1, 0, 1e-6, 0.01, 0.5, 1, 2, 10, 1000, 1e6, 1e12, ...near, ...between];
  return numbers.flatMap((value) => [value, [value], [value, value], [value, value, value]]);
}

function checkNames(
  templates: readonly { path: string; template: AnalysisTemplate }[],
  report: Report,
): void {
  const seen = new Map<string, string>();
  for (const { path, template } of templates) {
    const key = `${template.kind} ${String(template.metadata.namespace ?? '')}/${template.metadata.name}`;
    const earlier = seen.get(key);
    if (earlier)
      report(
        path,
        `${template.kind} ${template.metadata.name} is also in ${earlier}: one overwrites the other`,
      );
    else seen.set(key, path);
  }
}

/** Every `templateName` anywhere (Rollout, AnalysisRun, a template) must be one of the folder's templates. */
function checkReferences(
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

function patchFiles(manifests: readonly Manifest[]): Set<string> {
  const paths = new Set<string>();
  for (const { path, raw } of manifests) {
    if (!isKustomization(path)) continue;
    for (const patch of listOf(raw.patches)) {
      const file = (patch as { path?: unknown } | null)?.path;
      if (typeof file === 'string') paths.add(normalize(join(dirname(path), file)));
    }
    for (const file of listOf(raw.patchesStrategicMerge)) {
      if (typeof file === 'string' && !file.includes('\n')) paths.add(normalize(join(dirname(path), file)));
    }
  }
  return paths;
}

function checkKustomizations(
  files: readonly TemplateFile[],
  manifests: readonly Manifest[],
  templates: readonly { path: string; template: AnalysisTemplate }[],
  report: Report,
): void {
  const known = new Set(files.map(({ path }) => path));
  const folders = new Set(files.map(({ path }) => dirname(path)));
  const listed = new Set<string>();
  const kustomizations = manifests.filter(({ path }) => isKustomization(path));
  const patches = patchFiles(manifests);
  for (const { path, raw } of kustomizations) {
    for (const resource of [...listOf(raw.resources), ...listOf(raw.bases), ...listOf(raw.components)]) {
      if (typeof resource !== 'string' || /^[a-z+]+:\/\/|^[\w.-]+@|\?ref=/i.test(resource)) continue;
      const target = normalize(join(dirname(path), resource)).replace(/\/$/, '');
      if (target.startsWith('..')) continue;
      if (known.has(target)) {
        if (listed.has(`${path} ${target}`)) report(path, `resources lists ${resource} twice`);
        listed.add(`${path} ${target}`);
        listed.add(target);
      } else if (!folders.has(target)) report(path, `resources names ${resource}, which is not here`);
    }
    const prefix = raw.namePrefix ?? raw.nameSuffix;
    if (prefix !== undefined && templates.length > 0) {
      report(
        path,
        `namePrefix/nameSuffix ${JSON.stringify(prefix)} renames templates, and kustomize does not rename templateName`,
      );
    }
    checkPatches(path, raw, manifests, report);
  }
  for (const { path } of templates) {
    if (kustomizations.length > 0 && !listed.has(path) && !patches.has(path)) {
      report(path, 'is in no kustomization: it is never applied');
    }
  }
}

/** A custom resource has no merge keys: a strategic merge patch replaces its lists as a whole. */
function checkPatches(
  path: string,
  raw: Record<string, unknown>,
  manifests: readonly Manifest[],
  report: Report,
): void {
  const inline = [
    ...listOf(raw.patches).map((one) => (one as { patch?: unknown } | null)?.patch),
    ...listOf(raw.patchesStrategicMerge),
  ];
  const texts = inline.filter((text): text is string => typeof text === 'string' && text.includes('\n'));
  const documents = texts.flatMap((text) => parseAllDocuments(text).map((one) => one.toJS() as unknown));
  const own = patchFiles(manifests.filter((one) => one.path === path));
  for (const manifest of manifests) if (own.has(manifest.path)) documents.push(manifest.raw);
  for (const document of documents) {
    const { kind, metadata, spec } = (document ?? {}) as {
      kind?: string;
      metadata?: { name?: string };
      spec?: object;
    };
    if (!kind || !KINDS.includes(kind)) continue;
    const lists = ['metrics', 'args', 'dryRun', 'templates'].filter((field) =>
      Object.hasOwn(spec ?? {}, field),
    );
    for (const field of lists) {
      report(
        path,
        `a patch of ${kind} ${metadata?.name ?? ''} overwrites the whole list spec.${field}: kustomize cannot merge it`,
      );
    }
  }
}

function isKustomization(path: string): boolean {
  return /(^|\/)kustomization\.ya?ml$/i.test(path);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
