import { type Built, Collected, type Reference } from './built.js';
import { NO_SCOPE, postBuildScope, scopeFor } from './flux-scope.js';
import { artifactRoot, foreignRepository } from './flux-source.js';
import { build, includeComponent, renamed } from './kustomize.js';
import { NameIndex } from './name-index.js';
import type { Node } from './node.js';
import { get, itemsAt, textAt } from './node.js';
import { applyPatch } from './patch.js';
import { readPatches } from './patch-list.js';
import type { Repository } from './repository.js';
import type { Resource } from './resource.js';
import { isFluxKustomization, withDoubt } from './resource.js';
import type { Scope } from './substitute.js';
import { readText } from './substitute.js';
import { clampPath, joinPath, LIMITS } from './tree.js';

/** One Flux Kustomization at work: what it applies sees its variables. */
export interface Context {
  readonly parent: Context | undefined;
  /** `undefined`: the cluster's root, when Flux's own Kustomization is not in the tree. */
  readonly flux: Resource | undefined;
  readonly scope: Scope;
  readonly via: readonly string[];
}

export interface Item {
  readonly resource: Resource;
  readonly context: Context;
}

/** Everything of interest that one Flux root applies. */
export interface RootView {
  readonly root: string;
  readonly items: readonly Item[];
  /** Applied from here to another cluster (`spec.kubeConfig`). */
  readonly spokes: readonly Spoke[];
  /** What could not be followed, one line each. */
  readonly notes: readonly string[];
  /** What was followed, and puts all that it brings in doubt. */
  readonly faults: readonly string[];
  readonly references: readonly (Reference & { readonly context: Context })[];
  /** The root node of a file's first document: values files of generated ConfigMaps. */
  readonly readFile: (path: string) => Node | undefined;
}

export interface Spoke {
  readonly item: Item;
  /** Text that may name the cluster: namespace, secret, path. */
  readonly names: readonly string[];
  /** The folder that is applied there as a whole. */
  readonly path: string | undefined;
}

/** Walks a cluster's Flux root: Kustomizations, the folders they name, and the Kustomizations in those. */
export function walkRoot(repository: Repository, root: string): RootView {
  return repository.once(`root:${root}`, () => new Walker(repository, root).walk());
}

class Walker {
  private readonly items: Item[] = [];
  private readonly spokes: Spoke[] = [];
  private readonly notes: string[] = [];
  private readonly faults: string[] = [];
  private readonly references: (Reference & { context: Context })[] = [];
  private readonly configs = new NameIndex();
  private readonly sources = new Map<string, Item>();
  private readonly seen = new Set<string>();
  private readonly repository: Repository;
  private readonly root: string;
  private home: string | undefined;

  constructor(repository: Repository, root: string) {
    this.repository = repository;
    this.root = root;
  }

  walk(): RootView {
    const built = build(this.repository, this.root);
    const self = built.resources.find((one) => isFluxKustomization(one) && this.rawPath(one) === this.root);
    const context = this.contextOf(self, undefined, []);
    this.home = self ? sourceName(self) : undefined;
    const queue: { flux: Resource; parent: Context }[] = [];
    const waiting: { flux: Resource; parent: Context }[] = [];
    this.take(self ? this.applied(self, built) : built, context, self, queue);
    if (self) this.seen.add(identity(self));
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (this.seen.size > LIMITS.fluxKustomizations) {
        this.notes.push(`${this.root}: more than ${LIMITS.fluxKustomizations} Flux Kustomizations`);
        break;
      }
      this.follow(next.flux, next.parent, queue, waiting);
      // A path may wait for a ConfigMap that a later Kustomization brings.
      if (queue.length === 0 && waiting.length > 0) queue.push(...this.ready(waiting));
    }
    for (const { flux } of waiting) {
      this.notes.push(
        `${flux.file}: the path of ${flux.name} depends on a variable that is not in this tree`,
      );
    }
    const { root, items, spokes, notes, faults, references, repository } = this;
    const readFile = (path: string) => repository.documents(path)[0]?.root;
    return { root, items, spokes, notes, faults, references, readFile };
  }

  private ready(waiting: { flux: Resource; parent: Context }[]): { flux: Resource; parent: Context }[] {
    const now = waiting.filter((one) => this.path(one.flux, one.parent) !== undefined);
    for (const one of now) waiting.splice(waiting.indexOf(one), 1);
    return now;
  }

  private rawPath(flux: Resource): string | undefined {
    return joinPath('', (textAt(flux.node, 'spec', 'path') ?? '').replace(/^\/+/, ''));
  }

  /** `undefined` while a variable in it is unknown. */
  private path(flux: Resource, parent: Context): string | undefined {
    const reading = readText(get(flux.node, 'spec', 'path'), scopeFor(flux, parent));
    return reading.doubts.length > 0 ? undefined : reading.text;
  }

  private follow(
    flux: Resource,
    parent: Context,
    queue: { flux: Resource; parent: Context }[],
    waiting: { flux: Resource; parent: Context }[],
  ): void {
    const text = this.path(flux, parent);
    if (text === undefined) {
      waiting.push({ flux, parent });
      return;
    }
    if (this.seen.has(identity(flux))) return;
    this.seen.add(identity(flux));
    const label = `${flux.file}: Kustomization ${flux.name}`;
    const artifact = artifactRoot(flux, this.items, this.home);
    const foreign = artifact === undefined ? this.foreignSource(flux) : undefined;
    if (foreign) {
      this.notes.push(`${label} reads from ${foreign}`);
      return;
    }
    const inside = joinPath(artifact ?? '', text.replace(/^\/+/, ''));
    const path = inside ?? clampPath(text);
    // Flux stops `..` at the root of the repository. What decides a version must not lie on such a way.
    const refused = inside === undefined ? [`${label}: path ${text} leaves the tree and is refused`] : [];
    if (!this.repository.isFolder(path)) {
      this.faults.push(...refused);
      this.notes.push(`${label}: path ${text || '(empty)'} is not in this tree`);
      return;
    }
    const depth = depthOf(parent);
    if (depth > LIMITS.nesting) {
      this.notes.push(`${label}: more than ${LIMITS.nesting} nested Flux Kustomizations`);
      return;
    }
    const context = this.contextOf(flux, parent, [...parent.via, ...flux.via, flux.file]);
    const built = build(this.repository, path);
    const whole = { ...built, refused: [...refused, ...built.refused] };
    this.take(this.applied(flux, whole, path), context, flux, queue);
  }

  /** The folder's objects with the Kustomization's own components, patches, namespace and names. */
  private applied(flux: Resource, built: Built, path?: string): Built {
    const found = new Collected();
    let resources = found.take(built);
    const dir = path ?? this.root;
    for (const entry of itemsAt(flux.node, 'spec', 'components')) {
      const before = found.with(resources);
      resources = found.take(
        includeComponent(this.repository, `${dir}/kustomization.yaml`, entry, before, [dir], 1),
      );
    }
    for (const entry of itemsAt(flux.node, 'spec', 'patches')) {
      for (const patch of readPatches(this.repository, flux.file, 'patches', entry, found))
        resources = applyPatch(resources, patch, found);
    }
    const spec = get(flux.node, 'spec');
    resources = renamed(
      resources,
      textAt(spec, 'targetNamespace'),
      textAt(spec, 'namePrefix'),
      textAt(spec, 'nameSuffix'),
    );
    // Its path, patches and variables may be others than those that are seen here.
    const doubt = flux.doubts[0];
    if (doubt !== undefined) resources = resources.map((one) => withDoubt(one, doubt));
    return found.with(resources);
  }

  private take(
    built: Built,
    context: Context,
    flux: Resource | undefined,
    queue: { flux: Resource; parent: Context }[],
  ): void {
    this.notes.push(...built.notes);
    this.faults.push(...built.refused);
    const fault = built.refused[0];
    for (const reference of built.references) this.references.push({ ...reference, context });
    const elsewhere = flux ? kubeConfigOf(flux) : undefined;
    for (const found of built.resources) {
      const resource = fault === undefined ? found : withDoubt(found, fault);
      const item = { resource, context };
      // A Kustomization with a kubeConfig lives here; what it applies lives there.
      const remote = elsewhere ?? (isFluxKustomization(resource) ? undefined : kubeConfigOf(resource));
      if (remote !== undefined) {
        const names = [remote, resource.namespace, flux?.namespace, flux?.name].filter(
          (name) => name !== undefined,
        );
        this.spokes.push({
          item,
          names,
          path: elsewhere === undefined || !flux ? undefined : this.rawPath(flux),
        });
        continue;
      }
      this.items.push(item);
      if (resource.kind === 'ResourceSet')
        this.notes.push(
          `${resource.file}: ResourceSet ${resource.name} makes objects from templates, which are not followed`,
        );
      if (resource.kind === 'ConfigMap' || resource.kind === 'Secret') this.configs.add(item);
      else if (/^(?:GitRepository|OCIRepository|Bucket|ExternalArtifact)$/.test(resource.kind)) {
        this.sources.set(`${resource.kind}/${resource.name}`, item);
      }
      if (isFluxKustomization(resource) && resource !== flux) queue.push({ flux: resource, parent: context });
    }
  }

  /** Names the source when it is another repository, or another revision of this one. */
  private foreignSource(flux: Resource): string | undefined {
    const kind = textAt(flux.node, 'spec', 'sourceRef', 'kind') ?? 'GitRepository';
    const name = textAt(flux.node, 'spec', 'sourceRef', 'name') ?? '';
    if (kind !== 'GitRepository') return `${kind} ${name}, whose content is not known from this tree`;
    if (this.home === undefined || name === this.home) {
      const own = this.sources.get(`GitRepository/${name}`);
      if (this.home === undefined && !own) this.home = name;
      return undefined;
    }
    return foreignRepository(name, this.home, this.sources);
  }

  private contextOf(
    flux: Resource | undefined,
    parent: Context | undefined,
    via: readonly string[],
  ): Context {
    return {
      flux,
      parent,
      via,
      scope: flux ? postBuildScope(flux, parent, this.configs) : NO_SCOPE,
    };
  }
}

function identity(flux: Resource): string {
  return `${flux.namespace ?? ''}/${flux.name}`;
}

function sourceName(flux: Resource): string | undefined {
  return textAt(flux.node, 'spec', 'sourceRef', 'name');
}

function depthOf(context: Context): number {
  let depth = 0;
  for (let at: Context | undefined = context; at; at = at.parent) depth++;
  return depth;
}

function kubeConfigOf(resource: Resource): string | undefined {
  const config = get(resource.node, 'spec', 'kubeConfig');
  if (!config) return undefined;
  return textAt(config, 'secretRef', 'name') ?? textAt(config, 'configMapRef', 'name') ?? '';
}
