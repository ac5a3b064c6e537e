import type { Item, RootView } from './flux.js';
import { scopeFor } from './flux-scope.js';
import { PINNED } from './hit.js';
import { NameIndex } from './name-index.js';
import type { Node } from './node.js';
import { get, textAt } from './node.js';
import { readText } from './substitute.js';
import type { TargetComponent, TargetGitops } from './target.js';

/** A release of the target, and where its version stands. */
export interface Match {
  readonly component: TargetComponent;
  /** Where the version stands. */
  readonly holder: Item;
  readonly keys: readonly string[];
  readonly outside?: string;
  readonly frozen?: string;
}

/** Whether a HelmRelease is one of the target's: by its chart, and by its repository where the chart's name is common. */
export function matchRelease(item: Item, view: RootView, target: TargetGitops): Match | undefined {
  const { node } = item.resource;
  const read = (found: Node | undefined) => readText(found, scopeFor(item.resource, item.context)).text;
  const reference = get(node, 'spec', 'chartRef');
  if (reference)
    return matchReference(
      item,
      view,
      target,
      read(get(reference, 'kind')),
      read(get(reference, 'name')),
      read(get(reference, 'namespace')),
    );
  const spec = get(node, 'spec', 'chart', 'spec');
  const first = spec ? undefined : get(node, 'spec', 'chart');
  const chart = read(get(spec, 'chart') ?? get(first, 'name')).replace(/^.*\//, '');
  const component = target.components.find((one) => one.chart === chart);
  if (!component) return undefined;
  const source = get(spec, 'sourceRef');
  const kind = textAt(source, 'kind') ?? 'HelmRepository';
  const name = read(get(source, 'name'));
  const repository = find(view, kind, name, read(get(source, 'namespace')) || item.resource.namespace);
  const url = repository
    ? textAt(repository.resource.node, 'spec', 'url')
    : read(get(first, 'repository')) || undefined;
  if (
    component.ambiguous &&
    !proves(target, url, [name, item.resource.name, item.resource.namespace ?? ''])
  ) {
    return undefined;
  }
  const keys = spec ? ['spec', 'chart', 'spec', 'version'] : ['spec', 'chart', 'version'];
  if (kind === 'GitRepository' || kind === 'Bucket') {
    const outside = `the chart comes from ${kind} ${name}, so its version is in the chart's own Chart.yaml`;
    return { component, holder: item, keys, outside };
  }
  return { component, holder: item, keys };
}

function matchReference(
  item: Item,
  view: RootView,
  target: TargetGitops,
  kind: string,
  name: string,
  namespace: string,
): Match | undefined {
  const holder = find(view, kind, name, namespace || item.resource.namespace);
  const names = [name, item.resource.name, item.resource.namespace ?? ''];
  if (!holder) {
    // Only the names are left as evidence.
    const component = target.components.find((one) =>
      one.ambiguous
        ? names.some((text) => text === `${target.name}-${one.chart}`)
        : names.includes(one.chart),
    );
    const outside = `its chart comes from ${kind} ${name}, which is not in this tree`;
    return component ? { component, holder: item, keys: ['spec', 'chartRef', 'name'], outside } : undefined;
  }
  const read = (found: Node | undefined) => readText(found, scopeFor(holder.resource, holder.context)).text;
  const url = read(get(holder.resource.node, 'spec', 'url'));
  const chart =
    kind === 'HelmChart'
      ? read(get(holder.resource.node, 'spec', 'chart'))
      : url.replace(/\/+$/, '').replace(/^.*\//, '');
  const component = target.components.find((one) => one.chart === chart);
  if (!component) return undefined;
  if (component.ambiguous && !proves(target, url || undefined, names)) return undefined;
  if (kind === 'HelmChart') return { component, holder, keys: ['spec', 'version'] };
  return { component, holder, ...referenceKeys(holder) };
}

/** Flux: digest wins over semver wins over tag. */
function referenceKeys(holder: Item): { keys: readonly string[]; frozen?: string } {
  const ref = get(holder.resource.node, 'spec', 'ref');
  if (textAt(ref, 'digest')) {
    return { keys: ['spec', 'ref', textAt(ref, 'tag') ? 'tag' : 'digest'], frozen: PINNED };
  }
  return { keys: ['spec', 'ref', textAt(ref, 'semver') ? 'semver' : 'tag'] };
}

export function proves(target: TargetGitops, url: string | undefined, names: readonly string[]): boolean {
  if (url !== undefined && url !== '' && !url.includes('${')) {
    return target.repositories.some((part) => url.includes(part));
  }
  return names.some((name) => target.repositoryNames.some((pattern) => new RegExp(pattern).test(name)));
}

const indexes = new WeakMap<RootView, NameIndex>();

/** A source or a holder of values by kind and name, as the cluster reads its name. */
export function find(
  view: RootView,
  kind: string,
  name: string,
  namespace: string | undefined,
): Item | undefined {
  let index = indexes.get(view);
  if (!index) {
    index = new NameIndex();
    for (const item of [...view.items, ...view.spokes.map((spoke) => spoke.item)]) {
      const { resource } = item;
      if (!/^(?:HelmRepository|OCIRepository|HelmChart|GitRepository|ConfigMap|Secret)$/.test(resource.kind))
        continue;
      const own = resource.name.includes('$')
        ? readText(get(resource.node, 'metadata', 'name'), scopeFor(resource, item.context)).text
        : resource.name;
      index.add(item, own);
    }
    indexes.set(view, index);
  }
  return index.find(kind, name, namespace);
}
