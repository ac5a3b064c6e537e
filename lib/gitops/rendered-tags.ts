import { embeddedDocuments } from './embedded.js';
import type { Item } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { chain, doubtAt, type Hit } from './hit.js';
import type { Match } from './match.js';
import type { Node } from './node.js';
import { get, isScalar, itemsAt, textAt } from './node.js';
import { readText, type Scope } from './substitute.js';
import type { TargetGitops } from './target.js';
import { sameNumber } from './version-text.js';

const HINT =
  'set the tag with images of the postRenderers, or in the values of the release, where GUARD moves it';

/**
 * What `postRenderers` set after Helm, in the objects of this one release: `images` are followed, and patches
 * that may set an image are in doubt.
 */
export function renderedTags(item: Item, match: Match, chart: string, target: TargetGitops): Hit[] {
  const renderers = itemsAt(item.resource.node, 'spec', 'postRenderers').map((one) => get(one, 'kustomize'));
  const scope = scopeFor(item.resource, item.context);
  const reader = new PatchReader(chart, target, scope);
  return renderers.flatMap((renderer) => [
    ...itemsAt(renderer, 'images').flatMap((one) => image(one, item, match, chart, target, scope)),
    ...patchesIn(renderer).flatMap((node) => {
      const why = reader.read(node);
      return why === undefined
        ? []
        : [doubtAt(node, item, match.component, `a patch of its postRenderers ${why}`, HINT)];
    }),
  ]);
}

/** The names of the target's images without the registry's part: a mirror keeps them. */
function ownNames(target: TargetGitops): string[] {
  return target.images.map(lastPart);
}

function lastPart(name: string): string {
  return name.replace(/^.*\//, '');
}

/** The target's own image, or any that follows the chart's number. */
function image(
  entry: Node,
  item: Item,
  match: Match,
  chart: string,
  target: TargetGitops,
  scope: Scope | undefined,
): Hit[] {
  const names = ['name', 'newName'].map((key) => lastPart(readText(get(entry, key), scope).text));
  const own = names.some((name) => ownNames(target).includes(name));
  const digest = get(entry, 'digest');
  if (own && isScalar(digest))
    return [doubtAt(digest, item, match.component, 'its postRenderers pin an image by a digest', HINT)];
  const tag = get(entry, 'newTag');
  if (!isScalar(tag) || tag.text === '') return [];
  return own || sameNumber(readText(tag, scope).text, chart) ? chain(item, match.component, 'tag', tag) : [];
}

function patchesIn(renderer: Node | undefined): Node[] {
  const bodies = ['patches', 'patchesJson6902'].flatMap((key) =>
    itemsAt(renderer, key).map((entry) => get(entry, 'patch')),
  );
  return [...bodies, ...itemsAt(renderer, 'patchesStrategicMerge')].filter((node) => node !== undefined);
}

/** Looks for images in patches. */
class PatchReader {
  private readonly chart: string;
  private readonly target: TargetGitops;
  private readonly scope: Scope | undefined;
  private readonly own: RegExp | undefined;

  constructor(chart: string, target: TargetGitops, scope: Scope | undefined) {
    this.chart = chart;
    this.target = target;
    this.scope = scope;
    const names = ownNames(target).join('|');
    this.own = names === '' ? undefined : new RegExp(`(?:^|[/"'\\s])(?:${names})[:@]`);
  }

  /** Why a patch may set an image of the target's; `undefined` when it does not. */
  read(patch: Node): string | undefined {
    if (!isScalar(patch)) return this.search(patch, '', false);
    const { text, doubts } = readText(patch, this.scope);
    const written = embeddedDocuments(patch);
    // With its variables it may be YAML that it is not as it is written.
    const documents =
      written.length > 0 || doubts[0] ? written : embeddedDocuments({ kind: 'scalar', text, style: 'made' });
    if (documents.length === 0) return `cannot be read${doubts[0] ? `: ${doubts[0]}` : ''}`;
    return firstOf(documents, (one) => this.search(one, '', false));
  }

  /** `added`: the node is a new item of a list, so an image in it is of a container beside the chart's. */
  private search(node: Node, key: string, added: boolean): string | undefined {
    if (isScalar(node)) {
      const { text, doubts } = readText(node, this.scope);
      const ofChart = key === 'image' && this.target.tags === 'always' && (!added || doubts.length > 0);
      if (!ofChart && !this.looksLike(text)) return undefined;
      return doubts[0] ? `sets an image, and ${doubts[0]}` : `sets ${short(text)}`;
    }
    if (node.kind === 'list') return firstOf(node.items, (one) => this.search(one, key, added));
    const [op, path] = [textAt(node, 'op'), textAt(node, 'path')];
    if (op === undefined || path === undefined)
      return firstOf([...node.entries], ([name, value]) => this.search(value, name, added));
    if ((op === 'copy' || op === 'move') && this.target.tags === 'always')
      return `has the operation ${op} to ${short(path)}, which is not followed`;
    const value = get(node, 'value');
    return value && this.search(value, lastPart(path), op === 'add' && /\/(?:-|\d+)$/.test(path));
  }

  /** A text with the name of one of the target's images, or with the chart's own number. */
  private looksLike(text: string): boolean {
    const numbers = text.match(/v?\d+\.\d+\.\d+[\w.+-]*/g) ?? [];
    return this.own?.test(text) === true || numbers.some((one) => sameNumber(one, this.chart));
  }
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function firstOf<T>(all: readonly T[], ask: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const answer = ask(one);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
