import type { SourceDocument } from './documents.js';
import type { MapNode, Node } from './node.js';
import { get, isList, isMap, textAt } from './node.js';
import type { Repository } from './repository.js';

/** One Kubernetes object as the kustomize graph delivers it. */
export interface Resource {
  readonly kind: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly namespace: string | undefined;
  /** Every name and namespace that it had on its way; kustomize finds it by each of them. */
  readonly ids: readonly { readonly name: string; readonly namespace: string | undefined }[];
  readonly node: MapNode;
  /** File and document that define it. */
  readonly file: string;
  readonly doc: number;
  /** kustomization files that brought it, outermost first. */
  readonly via: readonly string[];
  /** Why what is seen here may not be what the cluster gets. */
  readonly doubts: readonly string[];
  /** Why it may have more keys than are seen here: a generator's file that is not read. */
  readonly partial?: string;
}

/** Kinds that can decide a version or lead to one. Everything else is never parsed. */
const KINDS = new Set([
  'HelmRelease',
  'HelmRepository',
  'HelmChart',
  'OCIRepository',
  'GitRepository',
  'Bucket',
  'ExternalArtifact',
  'ArtifactGenerator',
  'Kustomization',
  'ConfigMap',
  'Secret',
  'ResourceSet',
  'IstioOperator',
  'Istio',
  'IstioCNI',
  'ZTunnel',
  'List',
]);

/** Whether objects of this kind are read at all: of the others nobody knows here whether there are any. */
export function isRead(kind: string): boolean {
  return KINDS.has(kind);
}

/** The kind that a document's text shows, without parsing it; `undefined` when only a parser can tell. */
export function kindHint(text: string): string | undefined {
  const pattern = /^([ \t]*)["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z]+)/gm;
  let best: { indent: number; kind: string } | undefined;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const indent = match[1]!.length;
    if (!best || indent < best.indent) best = { indent, kind: match[2]! };
    if (indent === 0) break;
  }
  return best?.kind;
}

/** Whether a document may hold an object of interest. Flow style (`{kind: ...}`) goes to the parser. */
export function mayMatter(text: string): boolean {
  const kind = kindHint(text);
  if (kind !== undefined) return KINDS.has(kind);
  return text.includes('kind');
}

export function readResources(repository: Repository, file: string): readonly Resource[] {
  return repository.once(`resources:${file}`, () =>
    repository
      .documents(file)
      .flatMap((document) => (mayMatter(document.text) ? fromDocument(document) : [])),
  );
}

function fromDocument(document: SourceDocument): Resource[] {
  const { root } = document;
  const first = document.errors[0];
  const doubts = first
    ? [`${document.file}: document ${document.doc} is not valid YAML: ${first.message}`]
    : [];
  return fromNode(root, document.file, document.doc, doubts);
}

export function fromNode(
  root: Node | undefined,
  file: string,
  doc: number,
  doubts: readonly string[],
): Resource[] {
  if (!isMap(root)) return [];
  const kind = textAt(root, 'kind') ?? '';
  if (kind === 'List') {
    const items = get(root, 'items');
    return isList(items) ? items.items.flatMap((item) => fromNode(item, file, doc, doubts)) : [];
  }
  if (!KINDS.has(kind)) return [];
  const name = textAt(root, 'metadata', 'name') ?? '';
  const namespace = textAt(root, 'metadata', 'namespace');
  const apiVersion = textAt(root, 'apiVersion') ?? '';
  return [
    { kind, apiVersion, name, namespace, ids: [{ name, namespace }], node: root, file, doc, via: [], doubts },
  ];
}

export function groupOf(apiVersion: string): string {
  const at = apiVersion.indexOf('/');
  return at === -1 ? '' : apiVersion.slice(0, at);
}

export function isFluxKustomization(resource: Resource): boolean {
  return resource.kind === 'Kustomization' && groupOf(resource.apiVersion) === 'kustomize.toolkit.fluxcd.io';
}

/** The same object with another content; its name and namespace are read again and the old ones kept as ids. */
export function withNode(resource: Resource, node: MapNode): Resource {
  const name = textAt(node, 'metadata', 'name') ?? resource.name;
  const namespace = textAt(node, 'metadata', 'namespace');
  const same = name === resource.name && namespace === resource.namespace;
  return {
    ...resource,
    node,
    name,
    namespace,
    kind: textAt(node, 'kind') ?? resource.kind,
    ids: same ? resource.ids : [...resource.ids, { name, namespace }],
  };
}

export function withDoubt(resource: Resource, doubt: string): Resource {
  return resource.doubts.includes(doubt) ? resource : { ...resource, doubts: [...resource.doubts, doubt] };
}

/** An object that is there twice; kustomize and Flux know objects by kind, version, name and namespace. */
export function findDouble(resources: readonly Resource[]): Resource | undefined {
  const seen = new Set<string>();
  return resources.find(({ apiVersion, kind, name, namespace }) => {
    const id = `${apiVersion} ${kind} ${namespace ?? 'default'}/${name}`;
    if (name !== '' && seen.has(id)) return true;
    seen.add(id);
    return false;
  });
}
