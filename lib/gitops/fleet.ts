import type { Item, RootView } from './flux.js';
import { walkRoot } from './flux.js';
import type { Repository } from './repository.js';
import { repositoryOf } from './repository.js';
import { isFluxKustomization, readResources } from './resource.js';
import type { Tree } from './tree.js';
import { baseOf, dirOf, isUnder, joinPath } from './tree.js';

/** What the engine needs to know of a cluster. */
export interface FleetMember {
  readonly cluster_id: string;
  readonly flux_path?: string;
  readonly flux_config_path?: string;
}

/**
 * The cluster's Flux root: `flux_path`; else the nearest folder above `flux_config_path` that holds flux-system;
 * else `clusters/<cluster_id>`; else the folder of `flux_config_path`.
 */
export function fluxPathOf(tree: Tree, member: FleetMember): string {
  return rootOf(repositoryOf(tree), member);
}

export function rootOf(repository: Repository, member: FleetMember): string {
  if (member.flux_path !== undefined && member.flux_path !== '') {
    return joinPath('', member.flux_path.replace(/^\/+/, '')) ?? member.flux_path;
  }
  const hint = member.flux_config_path ? joinPath('', member.flux_config_path) : undefined;
  for (let dir = hint === undefined ? '' : dirOf(hint); dir !== ''; dir = dirOf(dir)) {
    if (repository.isFolder(`${dir}/flux-system`)) return dir;
  }
  const own = `clusters/${member.cluster_id}`;
  if (repository.isFolder(own) || hint === undefined) return own;
  return repository.isFolder(hint) ? hint : dirOf(hint);
}

/** What reaches a cluster: its own root, and what hubs apply to it. */
export interface MemberViews {
  readonly root: string;
  readonly views: readonly { readonly view: RootView; readonly items: readonly Item[] }[];
  readonly missing: string | undefined;
}

export function viewsOf(repository: Repository, member: FleetMember): MemberViews {
  const root = rootOf(repository, member);
  const views: { view: RootView; items: readonly Item[] }[] = [];
  const spokes = hubItems(repository, root, member.cluster_id);
  if (repository.isFolder(root) && (spokes.length === 0 || hasFlux(repository, root))) {
    const view = walkRoot(repository, root);
    views.push({ view, items: view.items });
  }
  views.push(...spokes);
  const missing =
    views.length === 0
      ? `the Flux root ${root} is not in this tree; set flux_path of ${member.cluster_id} in the registry`
      : undefined;
  return { root, views, missing };
}

function hasFlux(repository: Repository, root: string): boolean {
  return walkRoot(repository, root).items.some((item) =>
    /^(?:HelmRelease|Kustomization)$/.test(item.resource.kind),
  );
}

/** Hub and spoke: objects with a kubeConfig that names this cluster, by path, namespace, secret or name. */
function hubItems(
  repository: Repository,
  root: string,
  cluster: string,
): { view: RootView; items: readonly Item[] }[] {
  return hubs(repository).flatMap((view) => {
    // What a hub applies elsewhere is not its own, wherever its files are.
    if (view.root === root) return [];
    const items = view.spokes
      .filter(
        (spoke) =>
          (spoke.path !== undefined && isUnder(spoke.path, root)) ||
          spoke.names.some((name) => name === cluster || name === `${cluster}-kubeconfig`),
      )
      .map((spoke) => spoke.item);
    return items.length > 0 ? [{ view, items }] : [];
  });
}

/** Roots that apply something to other clusters. Only looked for when the tree speaks of kubeConfig at all. */
function hubs(repository: Repository): readonly RootView[] {
  return repository.once('hubs', () => {
    let speaks = false;
    for (const text of repository.tree.values()) {
      if (text.includes('kubeConfig')) {
        speaks = true;
        break;
      }
    }
    if (!speaks) return [];
    return fluxRoots(repository)
      .map((root) => walkRoot(repository, root))
      .filter((view) => view.spokes.length > 0);
  });
}

/** Folders that hold a `flux-system` folder: where `flux bootstrap` was run. */
export function fluxRoots(repository: Repository): readonly string[] {
  return repository.once('roots', () => {
    const roots = new Set<string>();
    const visit = (dir: string): void => {
      for (const child of repository.subfolders(dir)) {
        if (baseOf(child) === 'flux-system' && isBootstrap(repository, child)) roots.add(dir);
        else visit(child);
      }
    };
    visit('');
    return [...roots].sort();
  });
}

function isBootstrap(repository: Repository, dir: string): boolean {
  const files = repository.files(dir).map(baseOf);
  return (
    files.some((name) => name.startsWith('gotk-')) ||
    (files.includes('kustomization.yaml') && [...repository.subfolders(dir)].length === 0)
  );
}

/** Flux roots of the tree that the fleet does not know, as members: a change must not reach them either. */
export function strangersOf(repository: Repository, fleet: readonly FleetMember[]): FleetMember[] {
  return strangers(repository, fleet).map((root) => ({
    cluster_id: `${root} (not in the fleet)`,
    flux_path: root,
  }));
}

/**
 * Roots of clusters that no member of the fleet stands for: other bootstrapped folders, and folders beside the
 * members' roots that hold Flux Kustomizations and that nobody includes.
 */
function strangers(repository: Repository, members: readonly FleetMember[]): readonly string[] {
  const known = new Set(members.map((member) => rootOf(repository, member)));
  const found = new Set(fluxRoots(repository).filter((root) => !known.has(root)));
  const parents = new Set([...known].filter((root) => repository.isFolder(root)).map(dirOf));
  parents.delete('');
  const included = (): Set<string> => {
    const dirs = new Set<string>();
    for (const dir of repository.builds.keys()) dirs.add(dir);
    return dirs;
  };
  for (const parent of parents) {
    const reached = included();
    for (const child of repository.subfolders(parent)) {
      if (known.has(child) || found.has(child) || baseOf(child).startsWith('.')) continue;
      if ([...known].some((root) => isUnder(root, child) || isUnder(child, root))) continue;
      if (reached.has(child)) continue;
      const flux = repository
        .files(child)
        .some((file) => readResources(repository, file).some(isFluxKustomization));
      if (flux) found.add(child);
    }
  }
  return [...found].sort();
}
