import { dirname, join, normalize } from 'node:path/posix';
import { documentsOf, KINDS, type Manifest, type Report, type TemplateFile } from './template-files.js';
import type { AnalysisTemplate } from './template-schema.js';

export function patchFiles(manifests: readonly Manifest[]): Set<string> {
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

export function checkKustomizations(
  files: readonly TemplateFile[],
  manifests: readonly Manifest[],
  templates: readonly { path: string; template: AnalysisTemplate }[],
  report: Report,
  /** Judges a template as it is once a kustomization has patched it. */
  judge: (path: string, raw: Record<string, unknown>) => void,
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
    checkOperations(path, raw, files, manifests, report, judge);
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
    ...[...listOf(raw.patches), ...listOf(raw.patchesJson6902)].map(
      (one) => (one as { patch?: unknown } | null)?.patch,
    ),
    // A text of one line is the name of a file.
    ...listOf(raw.patchesStrategicMerge).filter((text) => String(text).includes('\n')),
  ];
  const documents = inline.flatMap((text) =>
    typeof text === 'string' ? documentsOf(text, (message) => report(path, `a patch is ${message}`)) : [],
  );
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

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly value?: unknown;
}

/** JSON6902 patches: what they leave of a template is judged, and a list that is exchanged is named. */
function checkOperations(
  path: string,
  raw: Record<string, unknown>,
  files: readonly TemplateFile[],
  manifests: readonly Manifest[],
  report: Report,
  judge: (path: string, raw: Record<string, unknown>) => void,
): void {
  const patches = [...listOf(raw.patches), ...listOf(raw.patchesJson6902)].flatMap((one) => {
    const { patch, path: file, target } = (one ?? {}) as { patch?: unknown; path?: unknown; target?: Target };
    const named = typeof file === 'string' ? normalize(join(dirname(path), file)) : undefined;
    const text = typeof patch === 'string' ? patch : files.find((other) => other.path === named)?.text;
    // What cannot be read was reported.
    const [operations] = documentsOf(text ?? '', () => undefined);
    return Array.isArray(operations) ? [{ target, operations: operations as (Operation | null)[] }] : [];
  });
  for (const { raw: original } of manifests.filter((one) => KINDS.includes(String(one.raw.kind)))) {
    const operations = patches
      .filter(({ target }) => isTarget(original, target))
      .flatMap((one) => one.operations);
    if (operations.length === 0) continue;
    const { kind, metadata } = original as { kind: string; metadata?: { name?: string } };
    const who = `a patch of ${kind} ${metadata?.name ?? ''}`;
    const patched = structuredClone(original);
    for (const operation of operations) {
      const where = String(operation?.path);
      const list = /^\/spec\/(metrics|args|dryRun|templates)$/.exec(where)?.[1];
      if (list) report(path, `${who} overwrites the whole list spec.${list}`);
      if (!operate(patched, operation ?? {})) report(path, `${who} changes ${where}, which is not there`);
    }
    judge(path, patched);
  }
}

type Target = { readonly kind?: string; readonly name?: string } | undefined;

/** Names and kinds of a target are anchored regular expressions. */
function isTarget(raw: Record<string, unknown>, target: Target): boolean {
  const fits = (pattern: string | undefined, text: unknown) => {
    try {
      return pattern === undefined || new RegExp(`^(?:${pattern})$`).test(String(text));
    } catch {
      return false;
    }
  };
  return (
    fits(target?.kind, raw.kind) && fits(target?.name, (raw.metadata as { name?: string } | undefined)?.name)
  );
}

/** One operation of RFC 6902 in place; false: there is nothing at its path. `move`, `copy` and `test` change no limit. */
function operate(document: Record<string, unknown>, { op, path, value }: Operation): boolean {
  if (op !== 'add' && op !== 'replace' && op !== 'remove') return true;
  const keys = String(path)
    .split('/')
    .slice(1)
    .map((key) => key.replace(/~1/g, '/').replace(/~0/g, '~'));
  const last = keys.pop();
  let parent: unknown = document;
  for (const key of keys)
    parent = Object.hasOwn(Object(parent), key) ? (parent as Record<string, unknown>)[key] : undefined;
  if (last === undefined || typeof parent !== 'object' || parent === null) return false;
  const holder = parent as Record<string, unknown>;
  if (op !== 'add' && !Object.hasOwn(holder, last)) return false;
  if (!Array.isArray(parent) || op === 'replace') {
    if (op === 'remove') delete holder[last];
    else holder[last] = value;
  } else if (op === 'remove') parent.splice(Number(last), 1);
  else parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  return true;
}

function isKustomization(path: string): boolean {
  return /(^|\/)kustomization\.ya?ml$/i.test(path);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
