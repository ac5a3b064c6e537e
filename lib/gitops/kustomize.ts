import { type Built, Collected, NOTHING } from './built.js';
import { withGenerated } from './generators.js';
import type { MapNode, Node } from './node.js';
import { get, isMap, itemsAt, textAt, textOf } from './node.js';
import { applyPatch } from './patch.js';
import { type PatchList, readPatches } from './patch-list.js';
import type { Repository } from './repository.js';
import type { Resource } from './resource.js';
import { findDouble, readResources, withDoubt, withNode } from './resource.js';
import { matchesSelector } from './selector.js';
import { baseOf, dirOf, joinPath, LIMITS } from './tree.js';

const NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

export function kustomizationIn(repository: Repository, dir: string): string | undefined {
  return kustomizationsIn(repository, dir)[0];
}

function kustomizationsIn(repository: Repository, dir: string): string[] {
  return NAMES.map((name) => (dir === '' ? name : `${dir}/${name}`)).filter(
    (path) => repository.text(path) !== undefined,
  );
}

/** `kustomize build` of a folder; a folder without a kustomization file gets the one that Flux would make. */
export function build(repository: Repository, dir: string, depth = 0): Built {
  if (repository.builds.has(dir)) {
    return repository.builds.get(dir) ?? failed(`${dir || '.'} includes itself: a cycle of kustomizations`);
  }
  if (depth > LIMITS.nesting) return failed(`${dir}: more than ${LIMITS.nesting} nested kustomizations`);
  const [file, second] = kustomizationsIn(repository, dir);
  if (second) return failed(`${dir} has ${file} and ${second}, and kustomize fails on it; remove one`);
  repository.builds.set(dir, undefined);
  const built = file
    ? accumulate(repository, file, NOTHING, [dir], depth)
    : generated(repository, dir, depth);
  const checked = check(built, file ?? dir);
  repository.builds.set(dir, checked);
  return checked;
}

/** What no build may deliver: too much, or one object twice. */
function check(built: Built, where: string): Built {
  if (built.resources.length > LIMITS.objects)
    return failed(
      `${where}: includes more than ${LIMITS.objects} objects; it names some folders again and again`,
    );
  const double = findDouble(built.resources);
  if (!double) return built;
  const { kind, name, file } = double;
  const why = `${where} includes ${kind} ${name} (${file}) twice, and kustomize fails on it; remove one`;
  return { ...built, refused: [...built.refused, why] };
}

/** Flux would fail on it, or it is not followed on principle. */
function failed(why: string): Built {
  return { ...NOTHING, refused: [why] };
}

/** Flux: all manifests below the folder; a folder with its own kustomization file counts as one resource. */
function generated(repository: Repository, dir: string, depth: number): Built {
  const resources: Resource[] = [];
  const found = new Collected();
  const visit = (folder: string): void => {
    if (folder !== dir && kustomizationIn(repository, folder)) {
      resources.push(...found.take(build(repository, folder, depth + 1)));
      return;
    }
    for (const file of repository.files(folder)) {
      if (/\.ya?ml$/.test(file) && !baseOf(file).startsWith('.'))
        resources.push(...readResources(repository, file));
    }
    for (const child of repository.subfolders(folder)) {
      if (!/^\.(git|github|circleci|flux)$/.test(baseOf(child))) visit(child);
    }
  };
  visit(dir);
  return found.with(resources);
}

/**
 * One kustomization file on top of what is there already (a component changes its parent's resources, and sees
 * what its parent could not read). `trail`: the folders that lead to it by `components`, which no cache bounds.
 */
function accumulate(
  repository: Repository,
  file: string,
  before: Built,
  trail: readonly string[],
  depth: number,
): Built {
  const document = repository.documents(file)[0];
  const root = document?.root;
  const error = document?.errors[0];
  const found = new Collected();
  const incoming = found.take(before);
  if (!document || !isMap(root)) {
    found.notes.add(`${file} cannot be read`);
    return found.with(incoming);
  }
  if (error) found.notes.add(`${file} is not valid YAML: ${error.message}`);
  const own = ['resources', 'bases'].flatMap((key) =>
    itemsAt(root, key).flatMap((entry) => found.take(includeResource(repository, file, entry, depth))),
  );
  let resources: readonly Resource[] = [
    ...incoming,
    ...own.map((one) => ({ ...one, via: [file, ...one.via] })),
  ];
  const unfollowed = ['generators', 'transformers'].filter((key) => itemsAt(root, key).length > 0);
  for (const key of unfollowed) found.notes.add(`${file} uses ${key}, which are not followed`);
  resources = withGenerated(repository, file, root, resources);
  for (const entry of itemsAt(root, 'components')) {
    resources = found.take(includeComponent(repository, file, entry, found.with(resources), trail, depth));
  }
  resources = transform(repository, file, root, resources, found);
  if (error)
    resources = resources.map((one) => withDoubt(one, `${file} is not valid YAML: ${error.message}`));
  if (unfollowed.includes('transformers'))
    resources = resources.map((one) => withDoubt(one, `${file} uses transformers, which may change this`));
  return found.with(resources);
}

function isRemote(text: string): boolean {
  return /^[a-z][a-z+.-]*:\/\/|^git@|^(?:github|gitlab|bitbucket)\.[a-z]+[/:]|[?&]ref=/i.test(text);
}

function includeResource(repository: Repository, file: string, entry: Node, depth: number): Built {
  const text = textOf(entry);
  if (text === undefined) return NOTHING;
  const references = /\d+\.\d+/.test(text) ? [{ node: entry, text, file }] : [];
  if (isRemote(text)) return { ...NOTHING, notes: [`${file}: ${text} is outside this tree`], references };
  const path = joinPath(dirOf(file), text);
  if (path === undefined) return failed(`${file}: ${text} leaves the tree and is refused`);
  if (repository.text(path) !== undefined)
    return { ...NOTHING, resources: readResources(repository, path), references };
  if (repository.isFolder(path)) {
    const inner = kustomizationIn(repository, path);
    if (!inner) return { ...NOTHING, notes: [`${file}: ${path} has no kustomization file`], references };
    if (isComponent(repository, inner))
      return failed(`${file}: ${inner} is a Component, and kustomize fails on it; name it in components`);
    const built = build(repository, path, depth + 1);
    return { ...built, references: [...references, ...built.references] };
  }
  return { ...NOTHING, notes: [`${file}: ${text} is not in this tree`], references };
}

function isComponent(repository: Repository, file: string): boolean {
  return textAt(repository.documents(file)[0]?.root, 'kind') === 'Component';
}

/** One entry of `components`, of a kustomization file or of a Flux Kustomization (then of its folder's file). */
export function includeComponent(
  repository: Repository,
  file: string,
  entry: Node,
  before: Built,
  trail: readonly string[],
  depth: number,
): Built {
  const text = textOf(entry) ?? '';
  const path = isRemote(text) ? undefined : joinPath(dirOf(file), text);
  const inner = path === undefined ? undefined : kustomizationIn(repository, path);
  const found = new Collected();
  const resources = found.take(before);
  if (path !== undefined && trail.includes(path)) {
    found.refused.add(`${path || '.'} includes itself: a cycle of components`);
  } else if (repository.countComponent() > LIMITS.components) {
    found.refused.add(
      `${file}: more than ${LIMITS.components} components; they include each other again and again`,
    );
  } else if (inner === undefined || path === undefined) {
    const doubt = `${file}: the component ${text} is not in this tree, and it may change this`;
    found.notes.add(doubt);
    return found.with(resources.map((one) => withDoubt(one, doubt)));
  } else if (!isComponent(repository, inner)) {
    found.refused.add(
      `${inner} is no Component, and kustomize fails on it as one; write its kind, or name it in resources`,
    );
  } else return accumulate(repository, inner, before, [...trail, path], depth + 1);
  return found.with(resources);
}

/** In kustomize's own order: strategic merges, patches, namespace, prefix and suffix, JSON6902. */
function transform(
  repository: Repository,
  file: string,
  root: MapNode,
  incoming: readonly Resource[],
  found: Collected,
): readonly Resource[] {
  let resources = incoming;
  const apply = (list: PatchList): void => {
    for (const entry of itemsAt(root, list)) {
      for (const patch of readPatches(repository, file, list, entry, found))
        resources = applyPatch(resources, patch, found);
    }
  };
  apply('patchesStrategicMerge');
  apply('patches');
  resources = renamed(
    resources,
    textAt(root, 'namespace'),
    textAt(root, 'namePrefix'),
    textAt(root, 'nameSuffix'),
  );
  resources = withMetadata(resources, 'labels', [
    get(root, 'commonLabels'),
    ...itemsAt(root, 'labels').map((entry) => get(entry, 'pairs')),
  ]);
  resources = withMetadata(resources, 'annotations', [get(root, 'commonAnnotations')]);
  apply('patchesJson6902');
  return replaced(file, root, resources);
}

/** Labels and annotations that later selectors see. */
function withMetadata(
  resources: readonly Resource[],
  key: 'labels' | 'annotations',
  given: readonly (Node | undefined)[],
): readonly Resource[] {
  const added = given.flatMap((one) => (isMap(one) ? [...one.entries] : []));
  if (added.length === 0) return resources;
  return resources.map((resource) => {
    const metadata = get(resource.node, 'metadata');
    const own = get(metadata, key);
    const fields = new Map(isMap(metadata) ? metadata.entries : []);
    fields.set(key, { kind: 'map', entries: new Map([...(isMap(own) ? own.entries : []), ...added]) });
    const entries = new Map(resource.node.entries).set('metadata', { kind: 'map', entries: fields });
    return withNode(resource, { ...resource.node, entries });
  });
}

/** Flux's `targetNamespace`, `namePrefix`, `nameSuffix` work as kustomize's do. */
export function renamed(
  resources: readonly Resource[],
  namespace: string | undefined,
  prefix = '',
  suffix = '',
): readonly Resource[] {
  if (namespace === undefined && prefix === '' && suffix === '') return resources;
  return resources.map((resource) => {
    const metadata = get(resource.node, 'metadata');
    const fields = new Map(isMap(metadata) ? metadata.entries : []);
    if (namespace !== undefined) fields.set('namespace', made(namespace));
    if (prefix !== '' || suffix !== '') fields.set('name', made(`${prefix}${resource.name}${suffix}`));
    const entries = new Map(resource.node.entries);
    entries.set('metadata', { kind: 'map', entries: fields });
    return withNode(resource, { ...resource.node, entries });
  });
}

function made(text: string): Node {
  return { kind: 'scalar', text, style: 'made' };
}

/** `replacements` copy values between objects. What they may write is not followed, so it is in doubt. */
function replaced(file: string, root: MapNode, incoming: readonly Resource[]): readonly Resource[] {
  let resources = incoming;
  for (const entry of itemsAt(root, 'replacements')) {
    const targets = itemsAt(entry, 'targets');
    resources = resources.map((resource) => {
      const hit =
        targets.length === 0 ||
        targets.some((target) => {
          const select = get(target, 'select');
          return select === undefined || matchesSelector(resource, select) !== false;
        });
      return hit ? withDoubt(resource, `${file}: replacements may set it`) : resource;
    });
  }
  return resources;
}
