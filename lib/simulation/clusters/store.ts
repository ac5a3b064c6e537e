import type { KubeObject } from '../../ports/cluster-access.js';
import { type Resource, resourceFor, resourceOfKind } from './resources.js';

/** An object with its text, which is made once for each version of it. */
export interface Entry {
  readonly object: KubeObject;
  /** Grows with every write of the cluster. */
  readonly revision: number;
  json?: string;
  partial?: string;
}

export interface Removal {
  readonly revision: number;
  readonly object: KubeObject;
}

interface Collection {
  readonly entries: Map<string, Entry>;
  readonly removals: Removal[];
  sorted: readonly Entry[] | undefined;
  /** JSON of the whole collection's items, joined by commas; with and without spec and status. */
  bytes: { full?: Buffer; partial?: Buffer };
}

/** The objects of one cluster: what etcd is to an API server. Objects are replaced, never changed. */
export class ObjectStore {
  readonly #collections = new Map<Resource, Collection>();
  #revision = 1000;

  get revision(): number {
    return this.#revision;
  }

  /** Gives the object a new resourceVersion. */
  put(object: KubeObject): KubeObject {
    const collection = this.#of(resourceFor(object));
    this.#revision += 1;
    const stored: KubeObject = {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#revision) },
    };
    collection.entries.set(keyOf(object), { object: stored, revision: this.#revision });
    forget(collection);
    return stored;
  }

  /** An object that many clusters share, with its text. */
  share(entry: Entry): void {
    const collection = this.#of(resourceFor(entry.object));
    collection.entries.set(keyOf(entry.object), entry);
    forget(collection);
  }

  remove(kind: string | Resource, namespace: string | undefined, name: string): void {
    const collection = this.#of(typeof kind === 'string' ? resourceOfKind(kind) : kind);
    const key = `${namespace ?? ''}/${name}`;
    const entry = collection.entries.get(key);
    if (entry === undefined) return;
    this.#revision += 1;
    collection.entries.delete(key);
    collection.removals.push({ revision: this.#revision, object: entry.object });
    forget(collection);
  }

  get(kind: string | Resource, namespace: string | undefined, name: string): Entry | undefined {
    const collection = this.#of(typeof kind === 'string' ? resourceOfKind(kind) : kind);
    return collection.entries.get(`${namespace ?? ''}/${name}`);
  }

  /** In etcd's order: by namespace and name. */
  list(kind: string | Resource): readonly Entry[] {
    const collection = this.#of(typeof kind === 'string' ? resourceOfKind(kind) : kind);
    collection.sorted ??= [...collection.entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, entry]) => entry);
    return collection.sorted;
  }

  removals(resource: Resource): readonly Removal[] {
    return this.#of(resource).removals;
  }

  /** JSON of all items, joined by commas, as it goes over the wire. */
  bytes(resource: Resource, partial: boolean): Buffer {
    const { bytes } = this.#of(resource);
    const key = partial ? 'partial' : 'full';
    bytes[key] ??= Buffer.from(
      this.list(resource)
        .map((entry) => (partial ? partialOf(entry) : jsonOf(entry)))
        .join(','),
    );
    return bytes[key];
  }

  #of(resource: Resource): Collection {
    let collection = this.#collections.get(resource);
    if (collection === undefined) {
      collection = { entries: new Map(), removals: [], sorted: undefined, bytes: {} };
      this.#collections.set(resource, collection);
    }
    return collection;
  }
}

export function jsonOf(entry: Entry): string {
  entry.json ??= JSON.stringify(entry.object);
  return entry.json;
}

/** The object's PartialObjectMetadata. */
export function partialOf(entry: Entry): string {
  entry.partial ??= JSON.stringify({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: entry.object.metadata,
  });
  return entry.partial;
}

function forget(collection: Collection): void {
  collection.sorted = undefined;
  collection.bytes = {};
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
