import { isExactVersion } from '../domain/version.js';
import type { FileEdit } from './diff.js';
import { unifiedDiff } from './diff.js';
import type { SourceDocument } from './documents.js';
import type { Splice } from './edit.js';
import { spliceText } from './edit.js';
import { isScalar, pathOf, textAt } from './node.js';
import type { Place } from './places.js';
import { placesIn, valuesPlaces } from './places.js';
import type { PlannedEdit } from './plan-contract.js';
import { Repository } from './repository.js';
import type { Scope } from './substitute.js';
import type { TargetGitops } from './target.js';
import type { Token } from './token.js';
import { lastKey, locate, otherUse, scalarToken } from './token.js';
import type { Tree } from './tree.js';
import { LIMITS } from './tree.js';
import { type LocatedUpdate, locateUpdates, type SpecUpdate } from './upgrade-spec.js';
import { sameNumber, shapeOf, spellLike } from './version-text.js';

export interface Skipped {
  readonly file: string;
  readonly doc: number;
  readonly path: string;
  readonly value: string;
  readonly reason: string;
}

export interface Bump {
  readonly edits: readonly PlannedEdit[];
  readonly skipped: readonly Skipped[];
  readonly files: readonly FileEdit[];
  /** One line each; not empty: nothing may be written. */
  readonly refused: readonly string[];
  readonly diff: string;
}

type Found =
  | { readonly kind: 'edit'; readonly token: Token; readonly to: string }
  | { readonly kind: 'skip'; readonly skipped: Skipped; readonly refuses: boolean };

/**
 * The single-file form: moves the target's version tokens that these files themselves show. `updates` of an
 * upgrade spec are written as they say and win over a token at the same place. Pure.
 * @throws UsageError when an update has no place
 */
export function bumpFiles(
  files: Tree,
  target: TargetGitops,
  to: string,
  updates: readonly SpecUpdate[] = [],
): Bump {
  const refused: string[] = [];
  if (!isExactVersion(to)) refused.push(`--to ${to} is not one exact version; give one such as 1.30.2`);
  for (const [file, text] of files) {
    if (text.length > LIMITS.fileCharacters)
      refused.push(`${file} is too large: more than ${LIMITS.fileCharacters} characters`);
  }
  if (refused.length > 0) return { edits: [], skipped: [], files: [], refused, diff: '' };
  const extra = updates.length > 0 ? locateIn(new Repository(files), updates) : [];
  const taken = new Set(extra.map((one) => `${one.file}#${one.doc}#${one.path}`));
  const found = findAll(files, target, to).filter((one) => !taken.has(keyOf(one)));
  const edits = unique(found.flatMap((one) => (one.kind === 'edit' ? [one] : [])));
  const skipped = found.flatMap((one) => (one.kind === 'skip' ? [one.skipped] : []));
  const against = found.flatMap((one) => (one.kind === 'skip' && one.refuses ? [one.skipped] : []));
  for (const one of against) refused.push(`${one.file} ${one.path}: ${one.value} ${one.reason}`);
  if (found.length === 0 && extra.length === 0)
    refused.push(`no version of ${target.name} was found in ${[...files.keys()].join(', ')}`);
  else if (
    edits.length === 0 &&
    extra.length === 0 &&
    against.length === 0 &&
    !skipped.some((one) => one.reason === ALREADY)
  ) {
    refused.push(
      `no version of ${target.name} can be written here: ${skipped[0]!.path} ${skipped[0]!.reason}`,
    );
  }
  if (refused.length > 0) {
    const held = edits.map(({ token }) => ({
      ...placeOf(token),
      value: token.text,
      reason: 'moves only together with the others',
    }));
    return { edits: [], skipped: [...skipped, ...held], files: [], refused, diff: '' };
  }
  return finish(files, target, to, edits, skipped, extra);
}

function locateIn(repository: Repository, updates: readonly SpecUpdate[]): LocatedUpdate[] {
  const documents = [...repository.tree.keys()].flatMap((file) => [...repository.documents(file)]);
  return locateUpdates(repository, documents, updates);
}

const ALREADY = 'is this version already';

function finish(
  files: Tree,
  target: TargetGitops,
  to: string,
  edits: readonly { token: Token; to: string }[],
  skipped: readonly Skipped[],
  extra: readonly LocatedUpdate[],
): Bump {
  const changed: FileEdit[] = [];
  for (const [path, before] of files) {
    const splices: Splice[] = edits
      .filter(({ token }) => token.file === path)
      .map(({ token, to: text }) => ({ file: path, start: token.start, end: token.end, text }));
    for (const { file, start, end, text } of extra)
      if (file === path) splices.push({ file, start, end, text });
    if (splices.length > 0) changed.push({ path, before, content: spliceText(before, splices) });
  }
  const after = new Map(files);
  for (const file of changed) after.set(file.path, file.content!);
  const left = findAll(after, target, to).find(
    (one) => one.kind === 'edit' && !extra.some((update) => update.path === one.token.path),
  );
  if (left?.kind === 'edit') {
    const refused = [
      `${left.token.file} ${left.token.path} would still be ${left.token.text} after the edit`,
    ];
    return { edits: [], skipped, files: [], refused, diff: '' };
  }
  return {
    edits: [
      ...edits.map(({ token, to: text }) => ({ ...placeOf(token), from: token.text, to: text })),
      ...extra.map(({ file, doc, path, from, to: text }) => ({ file, doc, path, from, to: text })),
    ],
    skipped,
    files: changed,
    refused: [],
    diff: unifiedDiff(changed),
  };
}

function keyOf(found: Found): string {
  const { file, doc, path } = found.kind === 'edit' ? found.token : found.skipped;
  return `${file}#${doc}#${path}`;
}

function placeOf(token: Token): { file: string; doc: number; path: string } {
  return { file: token.file, doc: token.doc, path: token.path };
}

function unique<T extends { token: Token }>(list: readonly T[]): T[] {
  return [...new Map(list.map((one) => [one.token.id, one])).values()];
}

function findAll(files: Tree, target: TargetGitops, to: string): Found[] {
  const repository = new Repository(files);
  const words = wordsOf(target);
  const urls = new Map<string, string>();
  const documents = [...files.keys()].flatMap((file) =>
    words.test(files.get(file)!) || words.test(file) ? repository.documents(file) : [],
  );
  for (const document of documents) {
    if (!document.text.includes('HelmRepository')) continue;
    const url = textAt(document.root, 'spec', 'url');
    if (url) urls.set(textAt(document.root, 'metadata', 'name') ?? '', url);
  }
  return documents.flatMap((document) => {
    if (!words.test(document.text) && !words.test(document.file)) return [];
    const { root } = document;
    if (!root) return [];
    const places = placesIn(root, target, document.file, urls);
    return [...places, ...valuesPlaces(root, target, document.file)].map((place) =>
      judge(place, document, target, to),
    );
  });
}

/** A file that has none of these words cannot hold one of the target's places; it is not even parsed. */
function wordsOf(target: TargetGitops): RegExp {
  const words = new Set([...target.components.map((one) => one.chart), target.name.replace(/^helm:/, '')]);
  const spellings = [...words].flatMap((word) => [word, word.toUpperCase().replace(/[^A-Z0-9]+/g, '_')]);
  const variables = target.variables.map((pattern) => pattern.replace(/^\^|\$$/g, ''));
  return new RegExp(
    [...spellings.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')), ...variables].join('|'),
  );
}

/** In one file every variable is someone else's: only its default stands here. */
const NO_VARIABLES: Scope = { active: true, find: () => ({ kind: 'missing' }) };

function judge(place: Place, document: SourceDocument, target: TargetGitops, to: string): Found {
  const { node } = place;
  const origin = isScalar(node) ? node.origin : undefined;
  const value = isScalar(node) ? node.text : '';
  const skip = (reason: string, refuses = false): Found => ({
    kind: 'skip',
    refuses,
    skipped: { file: document.file, doc: document.doc, path: origin ? pathOf(origin) : '', value, reason },
  });
  if (!isScalar(node) || !origin) return skip('is not a scalar of this file');
  if (/(?:^|\/)\.?archived?\//.test(document.file)) return skip('lies in an archive');
  const located = locate(node, NO_VARIABLES);
  const missing = located.reading.missing[0];
  if (missing !== undefined && !place.part)
    return skip(`is the variable \${${missing}}, whose value is elsewhere`);
  const token = place.part ? scalarToken(node, place.part.start, place.part.end) : located.token;
  if (token === undefined) return skip('why' in located ? located.why : 'cannot be located', true);
  if (typeof token === 'string') return skip(token, true);
  const broken = document.errors.find((error) => error.at <= origin.end && origin.source === document);
  if (broken)
    return skip(`stands behind a fault of the YAML (${broken.message}), so its place is not certain`, true);
  const other = otherUse(place.role === 'variable' ? { ...token, variables: [lastKey(token.path)] } : token);
  if (other) return skip(`is the anchor &${token.shared?.name}, which also sets ${other}`, true);
  if (place.onlyIf !== undefined && !sameNumber(token.text, place.onlyIf))
    return skip('is another number than the chart and stays');
  const shape = shapeOf(token.text);
  if (shape === 'digest') return skip('is pinned by a digest; the new one cannot be known here', true);
  if (shape === 'range') return skip('is a range, not one version', true);
  if (shape !== 'exact')
    return skip(
      shape === 'none' ? 'is empty' : `is ${shape === 'encrypted' ? 'encrypted' : 'a placeholder'}`,
    );
  const text = spellLike(token.text, to, place.role === 'url' ? { ...target, spelling: 'own' } : target);
  if (text === token.text) return skip(ALREADY);
  if (place.frozen) return skip(`is ${place.frozen}`, true);
  return { kind: 'edit', token, to: text };
}
