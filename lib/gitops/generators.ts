import type { MapNode, Node } from './node.js';
import { isScalar, itemsAt, link, textAt, textOf } from './node.js';
import type { Repository } from './repository.js';
import type { Resource } from './resource.js';
import { baseOf, dirOf, joinPath } from './tree.js';

/** ConfigMaps that `configMapGenerator` makes, each key still pointing at its file or literal. */
export function generatedConfigMaps(repository: Repository, file: string, root: MapNode): Resource[] {
  return itemsAt(root, 'configMapGenerator').map((entry) => {
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
        ['kind', made('ConfigMap')],
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
        ['data', { kind: 'map', entries: data }],
      ]),
    };
    const ids = [{ name, namespace }];
    return {
      kind: 'ConfigMap',
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
  });
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
