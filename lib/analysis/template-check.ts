import { messageOf } from '../domain/errors.js';
import { type AnalysisMetric, loadTemplates, resolveTemplate } from './template.js';
import { conditionFindings } from './template-conditions.js';
import { documentsOf, KINDS, type Manifest, type Report, type TemplateFile } from './template-files.js';
import { checkKustomizations, patchFiles } from './template-kustomize.js';
import { queryFindings } from './template-queries.js';
import { checkReferences, checkSelections } from './template-references.js';
import { type AnalysisTemplate, templateSchema } from './template-schema.js';

export interface TemplateFinding {
  readonly path: string;
  readonly message: string;
}

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
    for (const raw of documentsOf(text, (message) => report(path, message))) {
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
  checkKustomizations(files, manifests, templates, report, (path, raw) => {
    const known = new Set(findings.map(({ message }) => message));
    const onlyNew: Report = (at, message) => {
      if (!known.has(message)) report(at, `once it is patched: ${message}`);
    };
    const patched = templateSchema.safeParse(raw);
    const issue = patched.error?.issues[0];
    if (patched.success) checkTemplate(path, patched.data, all, onlyNew);
    else onlyNew(path, `${issue!.path.join('.') || 'template'}: ${issue!.message}`);
  });
  return { templates: templates.length, findings };
}

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
    for (const message of [...conditionFindings(metric), ...queryFindings(metric)])
      report(path, `${where}: ${message}`);
  }
  checkSelections(path, template, metrics, report);
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
