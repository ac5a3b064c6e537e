import type { FleetMember } from '../../lib/gitops/fleet.js';

/** Small trees for the engine's tests; written here, copied from nowhere. */
export function files(entries: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(entries));
}

export function release(name: string, chart: string, version: string, more = ''): string {
  return `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: ${name}
  namespace: istio-system
spec:
  chart:
    spec:
      chart: ${chart}
      version: ${version}
      sourceRef:
        kind: HelmRepository
        name: istio
        namespace: flux-system
${more}`;
}

export function fluxKustomization(name: string, path: string, more = ''): string {
  return `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: ${name}
  namespace: flux-system
spec:
  interval: 5m
  path: ./${path}
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
${more}`;
}

/** Layout 6: a full copy per cluster, literals. */
export function literalTree(clusters: Record<string, string>): Map<string, string> {
  const tree = new Map<string, string>();
  for (const [id, version] of Object.entries(clusters)) {
    tree.set(`clusters/${id}/flux-system/gotk-sync.yaml`, fluxKustomization('flux-system', `clusters/${id}`));
    tree.set(`clusters/${id}/istio/base.yaml`, release('istio-base', 'base', version));
    tree.set(
      `clusters/${id}/istio/istiod.yaml`,
      release('istiod', 'istiod', `"${version}" # keep`, '  dependsOn:\n    - name: istio-base\n'),
    );
  }
  return tree;
}

/** Layout 1: a shared base without a version, one variable per cluster. */
export function variableTree(clusters: Record<string, string>): Map<string, string> {
  const tree = new Map<string, string>();
  tree.set('components/istio/kustomization.yaml', 'resources:\n- base.yaml\n- istiod.yaml\n');
  tree.set('components/istio/base.yaml', release('istio-base', 'base', '${ISTIO_VERSION} # by flux'));
  tree.set('components/istio/istiod.yaml', release('istiod', 'istiod', '${ISTIO_VERSION}'));
  for (const [id, version] of Object.entries(clusters)) {
    tree.set(`clusters/${id}/flux-system/gotk-sync.yaml`, fluxKustomization('flux-system', `clusters/${id}`));
    tree.set(
      `clusters/${id}/istio.yaml`,
      fluxKustomization(
        'istio',
        'components/istio',
        `  postBuild:\n    substitute:\n      ISTIO_VERSION: ${version} # chart\n`,
      ),
    );
  }
  return tree;
}

export function fleetOf(...ids: string[]): FleetMember[] {
  return ids.map((cluster_id) => ({ cluster_id }));
}
