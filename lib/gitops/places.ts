import { embedded } from './embedded.js';
import { proves } from './match.js';
import type { Node, ScalarNode } from './node.js';
import { get, isList, isMap, isScalar, itemsAt, textAt } from './node.js';
import { groupOf } from './resource.js';
import { type TargetComponent, type TargetGitops, tagPathsOf } from './target.js';

/** A place in one document that, by what the document itself shows, holds a target's version. */
export interface Place {
  readonly node: Node;
  readonly role: 'chart' | 'ref' | 'variable' | 'tag' | 'resource' | 'image' | 'url';
  /** For `image` and `url`: the part of the scalar that is the version. */
  readonly part?: { readonly start: number; readonly end: number };
  /** A tag or URL moves only when it has this version now. */
  readonly onlyIf?: string;
  readonly frozen?: string;
}

/** What other documents of the same call tell: URLs of repositories by name. */
export type KnownUrls = ReadonlyMap<string, string>;

const WORKLOADS = /^(?:Deployment|DaemonSet|StatefulSet|ReplicaSet|Pod|Job|CronJob)$/;

/** Finds the target's version places in one document (or in YAML embedded in one). */
export function placesIn(
  root: Node,
  target: TargetGitops,
  file: string,
  urls: KnownUrls,
  depth = 0,
): Place[] {
  if (!isMap(root) || depth > 4) return [];
  const kind = textAt(root, 'kind');
  const group = groupOf(textAt(root, 'apiVersion') ?? '');
  if (kind === 'HelmRelease') return releasePlaces(root, target, urls);
  if (kind === 'OCIRepository') return repositoryPlaces(root, target);
  if (kind === 'HelmChart' && isMap(get(root, 'spec'))) return helmChartPlaces(root, target, urls);
  if (kind === 'ConfigMap') return configMapPlaces(root, target);
  if (kind === 'Kustomization' || kind === 'Component')
    return kustomizationPlaces(root, target, file, urls, depth, group);
  if (kind === 'List' || kind === 'ResourceSet') {
    const items = kind === 'List' ? itemsAt(root, 'items') : itemsAt(root, 'spec', 'resources');
    return items.flatMap((item) => placesIn(item, target, file, urls, depth + 1));
  }
  const own = target.resources.filter((one) => one.kind === kind && one.group === group);
  if (own.length > 0) return own.flatMap((one) => placeAt(root, one.path, 'resource'));
  if (kind !== undefined && WORKLOADS.test(kind)) return imagePlaces(root, target);
  return [];
}

function placeAt(root: Node, path: readonly string[], role: Place['role']): Place[] {
  const node = get(root, ...path);
  return isScalar(node) ? [{ node, role }] : [];
}

function componentOf(
  target: TargetGitops,
  chart: string,
  url: string | undefined,
  names: readonly string[],
): TargetComponent | undefined {
  const component = target.components.find((one) => one.chart === chart);
  if (!component) return undefined;
  return component.ambiguous && !proves(target, url, names) ? undefined : component;
}

function releasePlaces(root: Node, target: TargetGitops, urls: KnownUrls): Place[] {
  const name = textAt(root, 'metadata', 'name') ?? '';
  const namespace = textAt(root, 'metadata', 'namespace') ?? '';
  const spec = get(root, 'spec', 'chart', 'spec');
  const old = spec ? undefined : get(root, 'spec', 'chart');
  const chart = (textAt(spec, 'chart') ?? textAt(old, 'name'))?.replace(/^.*\//, '');
  const source = textAt(spec, 'sourceRef', 'name') ?? '';
  const url = textAt(old, 'repository') ?? urls.get(source);
  const reference = textAt(root, 'spec', 'chartRef', 'name');
  const component =
    chart !== undefined
      ? componentOf(target, chart, url, [source, name, namespace])
      : componentByName(target, [...(reference ? [reference] : []), name]);
  if (!component) return [];
  const version = get(spec ?? old, 'version');
  const places: Place[] = [];
  if (isScalar(version)) places.push({ node: version, role: 'chart' });
  const current = isScalar(version) ? version.text : '';
  const repository = get(old, 'repository');
  if (isScalar(repository) && current !== '') places.push(...urlPart(repository, current));
  places.push(...tagPlaces(get(root, 'spec', 'values'), target, current));
  return places;
}

const FROZEN = { frozen: 'pinned by a digest; the new one cannot be known here' };

/** A patch or a release by reference does not name its chart: only its own name is left. */
function componentByName(target: TargetGitops, names: readonly string[]): TargetComponent | undefined {
  return target.components.find((one) =>
    names.some((name) =>
      one.ambiguous
        ? name === `${target.name}-${one.chart}` || name === `${target.name}-ingress${one.chart}`
        : name === one.chart,
    ),
  );
}

/** `https://.../releases/1.2.3/charts` beside `version: 1.2.3`. */
function urlPart(node: ScalarNode, version: string): Place[] {
  const bare = version.replace(/^v/, '');
  const match = new RegExp(`(?:^|[/=-])v?(${bare.replace(/[.+]/g, '\\$&')})(?=[/&]|$)`).exec(node.text);
  if (!match) return [];
  const start = match.index + match[0].length - match[1]!.length;
  return [{ node, role: 'url', part: { start, end: start + match[1]!.length } }];
}

function tagPlaces(values: Node | undefined, target: TargetGitops, chart: string): Place[] {
  if (target.tags === 'never' || !values) return [];
  return tagPathsOf(target).flatMap((path): Place[] => {
    const keys = path.split('.');
    const node = get(values, ...keys);
    if (!isScalar(node) || !/^v?\d+\.\d+\.\d+/.test(node.text)) return [];
    const digest = textAt(values, ...keys.slice(0, -1), 'digest');
    return [
      {
        node,
        role: 'tag',
        ...(digest ? FROZEN : {}),
        ...(target.tags === 'when-equal' ? { onlyIf: chart } : {}),
      },
    ];
  });
}

function repositoryPlaces(root: Node, target: TargetGitops): Place[] {
  const url = textAt(root, 'spec', 'url') ?? '';
  const names = [textAt(root, 'metadata', 'name') ?? '', textAt(root, 'metadata', 'namespace') ?? ''];
  const chart = url.replace(/\/+$/, '').replace(/^.*\//, '');
  if (!componentOf(target, chart, url, names)) return [];
  const ref = get(root, 'spec', 'ref');
  const node = get(ref, 'semver') ?? get(ref, 'tag');
  const frozen = get(ref, 'digest') ? FROZEN : {};
  return isScalar(node) ? [{ node, role: 'ref', ...frozen }] : [];
}

function helmChartPlaces(root: Node, target: TargetGitops, urls: KnownUrls): Place[] {
  const chart = (textAt(root, 'spec', 'chart') ?? '').replace(/^.*\//, '');
  const source = textAt(root, 'spec', 'sourceRef', 'name') ?? '';
  const url = textAt(root, 'spec', 'repo') ?? urls.get(source);
  const names = [source, textAt(root, 'metadata', 'name') ?? '', textAt(root, 'metadata', 'namespace') ?? ''];
  return componentOf(target, chart, url, names) ? placeAt(root, ['spec', 'version'], 'chart') : [];
}

function configMapPlaces(root: Node, target: TargetGitops): Place[] {
  const data = get(root, 'data');
  if (!isMap(data)) return [];
  const name = textAt(root, 'metadata', 'name') ?? '';
  const places = variablePlaces(data, target);
  for (const one of target.configMaps) {
    if (!new RegExp(one.name).test(name)) continue;
    for (const [key, node] of data.entries) {
      const known = places.some((place) => place.node === node);
      if (isScalar(node) && !known && new RegExp(one.key).test(key)) places.push({ node, role: 'variable' });
    }
  }
  const own =
    name.includes(target.name.replace(/^helm:/, '')) ||
    componentByName(target, [name.replace(/-values$/, '')]);
  if (own) {
    for (const [key, node] of data.entries) {
      if (isScalar(node) && /\.ya?ml$/.test(key)) places.push(...tagPlaces(embedded(node), target, ''));
    }
  }
  return places;
}

/** Variables by their names, or by the chart that the comment on their line links to. */
function variablePlaces(data: Node | undefined, target: TargetGitops): Place[] {
  if (!isMap(data)) return [];
  const patterns = target.variables.map((pattern) => new RegExp(pattern));
  const places: Place[] = [];
  for (const [key, node] of data.entries) {
    if (!isScalar(node)) continue;
    if (patterns.some((pattern) => pattern.test(key)) || namedByComment(node, target))
      places.push({ node, role: 'variable' });
  }
  return places;
}

function namedByComment(node: ScalarNode, target: TargetGitops): boolean {
  const origin = node.origin;
  if (!origin || !/^v?\d+\.\d+/.test(node.text)) return false;
  const { text } = origin.source;
  const end = text.indexOf('\n', origin.end);
  const rest = text.slice(origin.end, end === -1 ? text.length : Math.min(end, origin.end + 300));
  const link = /#\s*https:\/\/artifacthub\.io\/packages\/helm\/([\w.-]+)\/([\w.-]+)\s*$/.exec(rest);
  return link !== null && componentOf(target, link[2]!, undefined, [link[1]!]) !== undefined;
}

function kustomizationPlaces(
  root: Node,
  target: TargetGitops,
  file: string,
  urls: KnownUrls,
  depth: number,
  group: string,
): Place[] {
  const flux = group === 'kustomize.toolkit.fluxcd.io';
  const spec = flux ? get(root, 'spec') : root;
  const places: Place[] = flux ? variablePlaces(get(spec, 'postBuild', 'substitute'), target) : [];
  for (const key of ['patches', 'patchesJson6902']) {
    for (const entry of itemsAt(spec, key)) places.push(...patchPlaces(entry, target, file, urls, depth));
  }
  for (const entry of itemsAt(spec, 'patchesStrategicMerge')) {
    if (isScalar(entry) && entry.text.includes('\n')) {
      const inner = embedded(entry);
      if (inner) places.push(...placesIn(inner, target, file, urls, depth + 1));
    }
  }
  if (flux) return places;
  for (const key of ['resources', 'bases']) {
    for (const entry of itemsAt(spec, key)) if (isScalar(entry)) places.push(...crdPart(entry, target));
  }
  for (const entry of itemsAt(spec, 'helmCharts')) {
    const chart = textAt(entry, 'name') ?? '';
    const names = [textAt(entry, 'releaseName') ?? '', textAt(entry, 'namespace') ?? ''];
    if (componentOf(target, chart, textAt(entry, 'repo'), names))
      places.push(...placeAt(entry, ['version'], 'chart'));
  }
  for (const entry of itemsAt(spec, 'images')) {
    const name = (textAt(entry, 'newName') ?? textAt(entry, 'name') ?? '').replace(/^[^/]*\.[^/]*\//, '');
    if (target.images.includes(name)) places.push(...placeAt(entry, ['newTag'], 'tag'));
  }
  return places;
}

function crdPart(node: ScalarNode, target: TargetGitops): Place[] {
  for (const pattern of target.crds) {
    const match = new RegExp(pattern).exec(node.text);
    const version = match?.groups?.version;
    if (!match || version === undefined) continue;
    const start = match.index + match[0].indexOf(version);
    return [{ node, role: 'url', part: { start, end: start + version.length } }];
  }
  return [];
}

function patchPlaces(
  entry: Node,
  target: TargetGitops,
  file: string,
  urls: KnownUrls,
  depth: number,
): Place[] {
  const text = get(entry, 'patch');
  const body = isScalar(text) ? embedded(text) : text;
  if (!body) return [];
  if (!isList(body)) {
    const found = placesIn(body, target, file, urls, depth + 1);
    if (found.length > 0) return found;
  }
  const kind = textAt(entry, 'target', 'kind');
  const component = componentByName(target, [textAt(entry, 'target', 'name') ?? '']);
  if (!component || (kind !== undefined && kind !== 'HelmRelease' && kind !== 'OCIRepository')) return [];
  if (isMap(body)) return placeAt(body, ['spec', 'chart', 'spec', 'version'], 'chart');
  return (isList(body) ? body.items : []).flatMap((operation) =>
    /^\/spec\/(?:chart\/spec\/version|ref\/(?:tag|semver))$/.test(textAt(operation, 'path') ?? '')
      ? placeAt(operation, ['value'], 'chart')
      : [],
  );
}

function imagePlaces(root: Node, target: TargetGitops): Place[] {
  if (target.images.length === 0) return [];
  const pod =
    get(root, 'spec', 'template', 'spec') ??
    get(root, 'spec', 'jobTemplate', 'spec', 'template', 'spec') ??
    get(root, 'spec');
  return ['containers', 'initContainers'].flatMap((key) =>
    itemsAt(pod, key).flatMap((container): Place[] => {
      const node = get(container, 'image');
      const match = isScalar(node) ? /^(?:[^/]*\.[^/]*\/)?(.+):([^:@/]+)(@.*)?$/.exec(node.text) : null;
      if (!isScalar(node) || !match || !target.images.includes(match[1]!)) return [];
      const end = node.text.length - (match[3]?.length ?? 0);
      const frozen = match[3] ? FROZEN : {};
      return [{ node, role: 'image', part: { start: end - match[2]!.length, end }, ...frozen }];
    }),
  );
}

/** A values file that stands alone: its path must name the target. */
export function valuesPlaces(root: Node, target: TargetGitops, file: string): Place[] {
  if (!isMap(root) || get(root, 'kind') || target.tags !== 'always') return [];
  const named = file
    .split(/[/.]/)
    .some((part) => part === target.name || componentByName(target, [part]) !== undefined);
  return named ? tagPlaces(root, target, '') : [];
}
