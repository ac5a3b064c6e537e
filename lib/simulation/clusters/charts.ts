import type { Installer } from './helm.js';
import type { Release } from './helm-release.js';
import type { Mesh } from './istio.js';
import type { WorkloadKind } from './workload-spec.js';

interface ChartWorkload {
  readonly kind: WorkloadKind;
  /** After the release's name. */
  readonly suffix: string;
  readonly image: string;
}

const deployment = (image: string, suffix = ''): ChartWorkload => ({ kind: 'Deployment', suffix, image });
const daemonSet = (image: string): ChartWorkload => ({ kind: 'DaemonSet', suffix: '', image });

/** What well-known charts install; any other is one Deployment. */
const CHARTS: Readonly<Record<string, readonly ChartWorkload[]>> = {
  'cert-manager': [
    deployment('quay.io/jetstack/cert-manager-controller'),
    deployment('quay.io/jetstack/cert-manager-webhook', '-webhook'),
    deployment('quay.io/jetstack/cert-manager-cainjector', '-cainjector'),
  ],
  promtail: [daemonSet('docker.io/grafana/promtail')],
  alloy: [daemonSet('docker.io/grafana/alloy')],
  datadog: [
    daemonSet('gcr.io/datadoghq/agent'),
    deployment('gcr.io/datadoghq/cluster-agent', '-cluster-agent'),
  ],
};
const NODES = 3;
const ISTIO = /^(?:base|istiod|gateway|cni|ztunnel)$/;

/** What Helm installs: Istio is the mesh's, every other chart some workloads with its version as their tag. */
export class Charts implements Installer {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  apply(release: Release): void {
    if (ISTIO.test(release.chart)) {
      this.#mesh.apply(release);
      return;
    }
    const { workloads } = this.#mesh;
    for (const { kind, name, image } of workloadsOf(release)) {
      if (workloads.has(kind, release.namespace, name)) {
        workloads.setImage(kind, release.namespace, name, image);
        continue;
      }
      workloads.create({
        kind,
        namespace: release.namespace,
        name,
        replicas: kind === 'DaemonSet' ? NODES : 1,
        container: release.chart,
        image,
        // As helm-controller's post-renderer does: on every object that it applies, not on pod templates.
        ...(release.origin && {
          ownLabels: {
            'helm.toolkit.fluxcd.io/name': release.origin.name,
            'helm.toolkit.fluxcd.io/namespace': release.origin.namespace,
          },
        }),
      });
    }
  }

  state(release: Release): 'waiting' | 'ready' {
    if (ISTIO.test(release.chart)) return this.#mesh.state(release);
    const complete = workloadsOf(release).every(({ kind, name }) =>
      this.#mesh.workloads.isComplete(kind, release.namespace, name),
    );
    return complete ? 'ready' : 'waiting';
  }

  firstVersion(): string {
    return this.#mesh.firstVersion();
  }
}

function workloadsOf({
  chart,
  name,
  version,
}: Release): { kind: WorkloadKind; name: string; image: string }[] {
  const known = CHARTS[chart] ?? [deployment(`registry.example.com/charts/${chart}`)];
  return known.map(({ kind, suffix, image }) => ({
    kind,
    name: `${name}${suffix}`,
    image: `${image}:${version}`,
  }));
}
