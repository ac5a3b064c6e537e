import type { Item, RootView } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { chain, doubtAt, type Hit, PINNED, UNPIN } from './hit.js';
import type { Match } from './match.js';
import { get, isNull, itemsAt, textOf } from './node.js';
import { renderedTags } from './rendered-tags.js';
import { readText } from './substitute.js';
import { type TargetGitops, tagPathsOf } from './target.js';
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
  const readings = new Map(tagPathsOf(target).map((path) => [path, read(path.split('.'))]));
  for (const [path, { found }] of readings) {
    const tags = found.flatMap((tag) => tagHits(item, match, path.split('.'), tag, chart, target));
    const pinned = digestHits(item, match, read, path, target.tags === 'always' || tags.length > 0);
    hits.push(...tags, ...pinned);
  }
  hits.push(...renderedTags(item, match, chart, target));
  const doubtful = doubtfulTag(item, match, readings, target);
  return doubtful ? [...hits, doubtful] : hits;
}

/** The first path of an image's that something unknown may set, unless what is known wins over it. */
function openPath(paths: readonly string[], readings: ReadonlyMap<string, ValueReading>): string | undefined {
  for (const path of paths) {
    const { doubt, found = [] } = readings.get(path) ?? {};
    if (doubt !== undefined) return path;
    if (found.some(({ node }) => textOf(node))) return undefined;
  }
  return undefined;
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

/** A digest in the values beside a tag, or where a tag could be: it wins in the image's name. */
function digestHits(
  item: Item,
  match: Match,
  read: (path: readonly string[]) => ValueReading,
  path: string,
  deciding: boolean,
): Hit[] {
  const { found } = read([...path.split('.').slice(0, -1), 'digest']);
  return found
    .filter(({ node }) => textOf(node))
    .map(({ node }) => doubtAt(node, item, match.component, PINNED, UNPIN, deciding));
}

/**
 * Values that are not in the tree could pin an image tag. Where tags are the version, nobody can tell it then;
 * where they only follow the chart, it is shown and decides nothing.
 */
function doubtfulTag(
  item: Item,
  match: Match,
  readings: ReadonlyMap<string, ValueReading>,
  target: TargetGitops,
): Hit | undefined {
  const { chart } = match.component;
  const open = target.imageTags
    .filter(({ charts }) => charts?.includes(chart) ?? true)
    .flatMap(({ paths }) => openPath(paths, readings) ?? []);
  const doubted = [...new Set(open)].map((path) => ({ path, ...readings.get(path) }));
  const first = doubted.find(({ overInline }) => overInline) ?? doubted[0];
  if (first === undefined) return undefined;
  const entry = itemsAt(item.resource.node, 'spec', 'valuesFrom')[0];
  const hint = first.overInline
    ? 'bring it into this tree'
    : `bring it into this tree, or write ${doubted.map(({ path }) => path).join(' and ')} in the values of the release itself, which win`;
  const node = get(entry, 'name') ?? entry;
  return doubtAt(node, item, match.component, first.doubt ?? '', hint, target.tags === 'always');
}
