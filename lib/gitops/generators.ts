import type { MapNode, Node } from './node.js';
import { get, isMap, isScalar, itemsAt, link, textAt, textOf } from './node.js';
import type { Repository } from './repository.js';
import { type Resource, withDoubt } from './resource.js';
import { baseOf, dirOf, joinPath } from './tree.js';

const KINDS = { configMapGenerator: 'ConfigMap', secretGenerator: 'Secret' } as const;

/**
 * The objects with those of `configMapGenerator` and `secretGenerator`, each key still pointing at its file or
 * literal. `behavior: merge` and `replace` change one that is there already, as kustomize does.
 */
export function withGenerated(
  repository: Repository,
  file: string,
  root: MapNode,
  incoming: readonly Resource[],
): Resource[] {
  const resources = [...incoming];
  for (const list of ['configMapGenerator', 'secretGenerator'] as const) {
    for (const entry of itemsAt(root, list)) {
      const made = generatedFrom(repository, file, entry, KINDS[list]);
      const behavior = textAt(entry, 'behavior') ?? 'create';
      const at = resources.findIndex((one) => one.kind === made.kind && isSame(one, made));
      const known = resources[at];
      if (behavior === 'create') resources.push(made);
      else if (!known)
        resources.push(
          withDoubt(made, `${file}: its generator would ${behavior} ${made.name}, which is not there`),
        );
      else resources[at] = behavior === 'merge' ? merged(known, made) : { ...made, ids: known.ids };
    }
  }
  return resources;
}

function isSame(one: Resource, made: Resource): boolean {
  return one.ids.some(
    ({ name, namespace }) => name === made.name && (namespace ?? 'default') === (made.namespace ?? 'default'),
  );
}

function merged(known: Resource, made: Resource): Resource {
  const key = known.kind === 'Secret' ? 'stringData' : 'data';
  const data = new Map<string, Node>();
  for (const one of [known, made]) {
    const own = get(one.node, key);
    if (isMap(own)) for (const [name, value] of own.entries) data.set(name, value);
  }
  const entries = new Map(known.node.entries).set(key, { kind: 'map', entries: data });
  const partial = made.partial ?? known.partial;
  return { ...known, node: { ...known.node, entries }, ...(partial ? { partial } : {}) };
}

function generatedFrom(
  repository: Repository,
  file: string,
  entry: Node,
  kind: 'ConfigMap' | 'Secret',
): Resource {
  const data = new Map<string, Node>();
  const unread: string[] = [];
  const envs = [...itemsAt(entry, 'envs').map(textOf), textAt(entry, 'env')];
  for (const text of envs) {
    if (text === undefined) continue;
    const path = joinPath(dirOf(file), text);
    const content = path === undefined ? undefined : repository.text(path);
    if (content === undefined) unread.push(text);
    else addLines(data, content);
  }
  for (const item of itemsAt(entry, 'files')) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    const path = joinPath(dirOf(file), equals === -1 ? text : text.slice(equals + 1));
    const content = path === undefined ? undefined : repository.text(path);
    if (path === undefined || content === undefined) {
      unread.push(text);
      continue;
    }
    const key = equals === -1 ? baseOf(path) : text.slice(0, equals);
    data.set(key, { kind: 'scalar', text: content, style: 'made', wholeFile: path });
  }
  for (const item of itemsAt(entry, 'literals')) addLiteral(data, item);
  const name = textAt(entry, 'name') ?? '';
  const namespace = textAt(entry, 'namespace');
  const node: MapNode = {
    kind: 'map',
    entries: new Map<string, Node>([
      ['kind', made(kind)],
      [
        'metadata',
        {
          kind: 'map',
          entries: new Map([
            ['name', made(name)],
            ...(namespace ? [['namespace', made(namespace)] as const] : []),
          ]),
        },
      ],
      [kind === 'Secret' ? 'stringData' : 'data', { kind: 'map', entries: data }],
    ]),
  };
  const ids = [{ name, namespace }];
  return {
    kind,
    apiVersion: 'v1',
    name,
    namespace,
    ids,
    node,
    file,
    doc: 0,
    via: [file],
    doubts: [],
    ...(unread.length > 0
      ? { partial: `${file}: its generator reads ${unread[0]}, which is not in this tree` }
      : {}),
  };
}

/** A file of `KEY=value` lines. It is no YAML, so what it says can be read, but has no place that is edited. */
function addLines(data: Map<string, Node>, content: string): void {
  for (const line of content.split(/\r?\n/)) {
    const equals = line.indexOf('=');
    if (equals > 0 && !line.trimStart().startsWith('#'))
      data.set(line.slice(0, equals).trim(), made(line.slice(equals + 1)));
  }
}

/** `KEY=value`: the value is a slice of the list item, and keeps its place in the file. */
function addLiteral(data: Map<string, Node>, item: Node): void {
  const text = textOf(item);
  const equals = text?.indexOf('=') ?? -1;
  if (text === undefined || equals === -1 || !isScalar(item)) return;
  const value = text.slice(equals + 1);
  const origin = item.origin;
  const quotes = item.style === 'single' || item.style === 'double' ? 1 : 0;
  const plain = origin?.source.text.slice(origin.start + quotes, origin.end - quotes) === text;
  data.set(text.slice(0, equals), {
    kind: 'scalar',
    text: value,
    style: 'plain',
    ...(origin && plain
      ? {
          origin: {
            source: origin.source,
            at: origin.at ?? link(undefined, ''),
            start: origin.start + quotes + equals + 1,
            end: origin.end - quotes,
          },
        }
      : {}),
  });
}

function made(text: string): Node {
  return { kind: 'scalar', text, style: 'made' };
}
