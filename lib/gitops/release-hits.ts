import type { Item, RootView } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { chain, type Hit, hitOf } from './hit.js';
import type { Match } from './match.js';
import { get, isNull, isScalar, itemsAt, pathOf, textAt } from './node.js';
import { readText } from './substitute.js';
import type { TargetGitops } from './target.js';
import { type FoundValue, readValues, type ValueReading } from './values.js';
import { sameNumber } from './version-text.js';

/** The places of one release: its chart's version, and image tags in its values. */
export function releaseHits(item: Item, match: Match, view: RootView, target: TargetGitops): Hit[] {
  const node = get(match.holder.resource.node, ...match.keys);
  const hits = chain(item, match.component, 'chart', node, {
    ...match,
    override: { item: match.holder, keys: match.keys },
  });
  const chart = hits.find((hit) => hit.deciding)?.value ?? '';
  if (target.tags === 'never') return hits;
  const read = readValues(item, view);
  const readings = target.tagPaths.map((path) => ({ path, ...read(path) }));
  for (const { path, found } of readings) {
    for (const tag of found) hits.push(...tagHits(item, match, path, tag, chart, target));
  }
  hits.push(...renderedTags(item, match, chart, target));
  // Whoever writes the tag inline has said it; a file that comes before it in the order cannot change it.
  const settled = readings.some(({ found }) => found.length > 0);
  const doubted = readings.find(({ doubt, overInline }) => doubt !== undefined && (overInline || !settled));
  if (doubted) hits.push(doubtfulTag(item, match, doubted, target));
  return hits;
}

/** Empty and null tags leave the chart's own. */
function tagHits(
  item: Item,
  match: Match,
  path: readonly string[],
  tag: FoundValue,
  chart: string,
  target: TargetGitops,
): Hit[] {
  const reading = readText(tag.node, scopeFor(tag.item.resource, tag.item.context));
  const value = reading.text;
  if (isNull(tag.node) || (value === '' && reading.doubts.length === 0)) return [];
  if (target.tags === 'when-equal' && !sameNumber(value.replace(/@.*$/, ''), chart)) return [];
  return chain(item, match.component, 'tag', tag.node, {
    holder: tag.item,
    // Inline values win over whole values files, but not over a single value by `targetPath`.
    ...(tag.byTargetPath ? {} : { override: { item, keys: ['spec', 'values', ...path] } }),
  });
}

/** Images that `postRenderers` replace after Helm: the target's own, or any that follows the chart's number. */
function renderedTags(item: Item, match: Match, chart: string, target: TargetGitops): Hit[] {
  return itemsAt(item.resource.node, 'spec', 'postRenderers')
    .flatMap((one) => itemsAt(one, 'kustomize', 'images'))
    .flatMap((image): Hit[] => {
      const tag = get(image, 'newTag');
      if (!isScalar(tag) || tag.text === '') return [];
      const name = (textAt(image, 'newName') ?? textAt(image, 'name') ?? '').replace(/^[^/]*\.[^/]*\//, '');
      const value = readText(tag, scopeFor(item.resource, item.context)).text;
      if (!target.images.includes(name) && !sameNumber(value, chart)) return [];
      return chain(item, match.component, 'tag', tag);
    });
}

/**
 * Values that are not in the tree could pin an image tag. Where tags are the version, nobody can tell it then;
 * where they only follow the chart, it is shown and decides nothing.
 */
function doubtfulTag(
  item: Item,
  match: Match,
  { path, doubt = '', overInline }: ValueReading & { readonly path: readonly string[] },
  target: TargetGitops,
): Hit {
  const entry = itemsAt(item.resource.node, 'spec', 'valuesFrom')[0];
  const origin = get(entry, 'name')?.origin ?? entry?.origin;
  const hint = overInline
    ? 'bring it into this tree'
    : `bring it into this tree, or write ${path.join('.')} in the values of the release itself, which win`;
  return {
    ...hitOf(item, match.component, 'tag', undefined, {}, target.tags === 'always'),
    ...(origin ? { file: origin.source.file, doc: origin.source.doc, path: pathOf(origin) } : {}),
    class: 'cannot-tell',
    reason: doubt,
    hint,
  };
}
