import type { Item } from './flux.js';
import type { MapNode } from './node.js';
import { get, isScalar, itemsAt, textAt } from './node.js';
import type { Resource } from './resource.js';

/**
 * An ExternalArtifact that an ArtifactGenerator copies from this repository: the folder that stands for its
 * root, when all its copies keep their places relative to each other.
 */
export function artifactRoot(
  flux: Resource,
  items: readonly Item[],
  home: string | undefined,
): string | undefined {
  if (textAt(flux.node, 'spec', 'sourceRef', 'kind') !== 'ExternalArtifact') return undefined;
  const name = textAt(flux.node, 'spec', 'sourceRef', 'name');
  for (const { resource } of items) {
    if (resource.kind !== 'ArtifactGenerator') continue;
    const own = itemsAt(resource.node, 'spec', 'sources')
      .filter((source) => textAt(source, 'kind') === 'GitRepository')
      .filter((source) => home === undefined || textAt(source, 'name') === home)
      .map((source) => textAt(source, 'alias'));
    const artifact = itemsAt(resource.node, 'spec', 'artifacts').find((one) => textAt(one, 'name') === name);
    const roots = itemsAt(artifact, 'copy').map((copy) => {
      const from = /^@([^/]+)\/(.*?)\/?\*\*$/.exec(textAt(copy, 'from') ?? '');
      const to = /^@artifact\/(.*?)\/?$/.exec(textAt(copy, 'to') ?? '');
      if (!from || !to || !own.includes(from[1])) return undefined;
      if (to[1] === '') return from[2];
      return from[2]!.endsWith(`/${to[1]}`) ? from[2]!.slice(0, -to[1]!.length - 1) : undefined;
    });
    if (roots.length > 0 && roots.every((root) => root !== undefined && root === roots[0])) return roots[0];
  }
  return undefined;
}

/** Names a GitRepository that is another repository than `home`, or another revision of it. */
export function foreignRepository(
  name: string,
  home: string,
  sources: ReadonlyMap<string, Item>,
): string | undefined {
  const source = sources.get(`GitRepository/${name}`);
  const own = sources.get(`GitRepository/${home}`);
  if (!source || !own) return `GitRepository ${name}, which may be another repository than ${home}`;
  const url = (item: Item) => textAt(item.resource.node, 'spec', 'url')?.replace(/\.git$/, '');
  const ref = (item: Item) => plain(get(item.resource.node, 'spec', 'ref') as MapNode | undefined);
  if (url(source) !== url(own)) return `GitRepository ${name}, another repository`;
  return ref(source) === ref(own) ? undefined : `GitRepository ${name}, another revision of this repository`;
}

function plain(node: MapNode | undefined): string {
  return JSON.stringify(
    [...(node?.entries ?? [])].map(([key, value]) => [key, isScalar(value) ? value.text : '']),
  );
}
