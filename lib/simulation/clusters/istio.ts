import type { KubeObject } from '../../ports/cluster-access.js';
import { Waypoints } from './ambient.js';
import type { ClusterContext } from './context.js';
import { within } from './faults.js';
import type { Installer } from './helm.js';
import type { Release } from './helm-release.js';
import { daemonSpec, gatewaySpec, HUB, istiodSpec } from './istio-charts.js';
import { crashIstiods, failRestarts } from './istio-crashes.js';
import { injectionOf } from './istio-injection.js';
import { istioCrds, istioWebhooks, serviceOf } from './istio-objects.js';
import { istiodAnswer } from './istiod-ports.js';
import { imageTag, podReady, proxyVersion } from './pods.js';
import { iso } from './status.js';
import { Workloads } from './workloads.js';

/** What ran at a time: for metrics, which follow the versions. */
export interface MeshState {
  /** Epoch milliseconds since when. */
  readonly since: number;
  readonly istiod: string;
  /** Number of sidecars by version. */
  readonly proxies: ReadonlyMap<string, number>;
}

interface Daemon {
  readonly namespace: string;
  readonly name: string;
}

/** Istio on one cluster: control plane, gateways, injection, and what istiod knows of its proxies. */
export class Mesh implements Installer {
  readonly workloads: Workloads;
  readonly history: MeshState[] = [];
  readonly #context: ClusterContext;
  readonly #gateways: Daemon[] = [];
  readonly #waypoints: Waypoints;
  #crds = '';
  #first = '';
  #istiod: Daemon | undefined;
  #stale = false;

  constructor(context: ClusterContext) {
    this.#context = context;
    this.workloads = new Workloads(context, {
      inject: (namespace, labels) => injectionOf(context, this.istiodVersion(), namespace, labels),
      podsChanged: (namespace, name) => this.#podsChanged(namespace, name),
      stuck: (name) => this.#stuck(name),
    });
    this.#waypoints = new Waypoints(context, this.workloads);
  }

  /** Tag of the control plane that answers the injection webhook: that of a ready istiod pod, the newest one's. */
  istiodVersion(): string {
    const pods = this.istiodPods().filter(podReady);
    const latest = pods.at(-1) ?? this.istiodPods().at(-1);
    return latest === undefined ? '' : imageTag(latest.spec.containers[0].image);
  }

  firstVersion(): string {
    return this.#first;
  }

  istiodPods(): KubeObject[] {
    const { store } = this.#context;
    const at = this.#istiod;
    if (at === undefined) return [];
    return store
      .list('Pod')
      .map((entry) => entry.object)
      .filter((pod) => pod.metadata.namespace === at.namespace && pod.metadata.labels?.app === 'istiod')
      .sort((a, b) => (String(a.metadata.creationTimestamp) < String(b.metadata.creationTimestamp) ? -1 : 1));
  }

  /** The world begins: what runs now is what was there first. */
  begin(fallback: string): void {
    if (this.#istiod === undefined) {
      this.apply({
        name: 'istio-base',
        namespace: 'istio-system',
        chart: 'base',
        version: fallback,
        values: {},
      });
      this.apply({
        name: 'istiod',
        namespace: 'istio-system',
        chart: 'istiod',
        version: fallback,
        values: {},
      });
    }
    if (this.#gateways.length === 0) {
      this.apply({
        name: 'istio-ingressgateway',
        namespace: 'istio-ingress',
        chart: 'gateway',
        version: fallback,
        values: {},
      });
    }
    if (this.#context.faults().ambient) this.#beginAmbient(fallback);
    this.#first = this.istiodVersion();
    this.#stale = true;
  }

  /** What Git does not bring is there all the same, and nobody brings it to another version. */
  #beginAmbient(version: string): void {
    for (const [chart, daemon] of [
      ['cni', 'istio-cni-node'],
      ['ztunnel', 'ztunnel'],
    ] as const) {
      if (this.workloads.has('DaemonSet', 'istio-system', daemon)) continue;
      this.apply({ name: chart, namespace: 'istio-system', chart, version, values: {} });
    }
    this.#waypoints.begin(this.#proxyImage());
  }

  #proxyImage(): string {
    return `${HUB}/proxyv2:${this.istiodVersion()}`;
  }

  apply(release: Release): void {
    const { chart, namespace, version, values } = release;
    const tag = String(values?.pilot?.tag ?? values?.global?.tag ?? values?.tag ?? version);
    const hub = String(values?.global?.hub ?? values?.hub ?? HUB);
    switch (chart) {
      case 'base':
        this.#applyCrds(version);
        break;
      case 'istiod':
        this.#applyIstiod(
          namespace,
          values?.revision ? `istiod-${values.revision}` : 'istiod',
          `${hub}/pilot:${tag}`,
        );
        break;
      case 'gateway':
        this.#applyGateway(namespace, release.name);
        break;
      case 'cni':
        this.#applyDaemon(namespace, 'istio-cni-node', 'install-cni', `${hub}/install-cni:${tag}`);
        break;
      case 'ztunnel':
        this.#applyDaemon(namespace, 'ztunnel', 'istio-proxy', `${hub}/ztunnel:${tag}`);
        break;
      default:
    }
  }

  /** Helm waits for Deployments and, since they roll one node after the other, for DaemonSets. */
  state(release: Release): 'waiting' | 'ready' {
    const daemon = { ztunnel: 'ztunnel', cni: 'istio-cni-node' }[release.chart];
    if (daemon !== undefined)
      return this.workloads.isComplete('DaemonSet', release.namespace, daemon) ? 'ready' : 'waiting';
    if (release.chart !== 'istiod' || this.#istiod === undefined) return 'ready';
    return this.workloads.isComplete('Deployment', this.#istiod.namespace, this.#istiod.name)
      ? 'ready'
      : 'waiting';
  }

  /** Puts right what a fault of the scenario says about the control plane; asked again when time passes. */
  refreshFaults(): void {
    const { store, timeline, cluster, webhookCa } = this.#context;
    const faults = this.#context.faults();
    const minutes = this.#context.minutes();
    if (this.#istiod === undefined) return;
    const bundle = within(faults.webhookExpired, minutes) ? webhookCa.expired : webhookCa.valid;
    for (const hook of istioWebhooks(
      cluster.cluster_id,
      this.#istiod.namespace,
      this.#istiod.name,
      bundle,
      iso(timeline.now),
    )) {
      const old = store.get(hook.kind!, undefined, hook.metadata.name)?.object;
      if (JSON.stringify(old?.webhooks) !== JSON.stringify(hook.webhooks)) store.put(hook);
    }
    this.#applyCrds(this.#crds);
    this.#podsChanged(this.#istiod.namespace, this.#istiod.name);
  }

  /** The state of the mesh now, remembered when it changed. */
  observe(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const { store, timeline } = this.#context;
    const proxies = new Map<string, number>();
    for (const { object } of store.list('Pod')) {
      const version = proxyVersion(object);
      const sidecar = object.metadata.labels?.['security.istio.io/tlsMode'] === 'istio';
      if (version !== undefined && sidecar) proxies.set(version, (proxies.get(version) ?? 0) + 1);
    }
    this.history.push({ since: timeline.now, istiod: this.istiodVersion(), proxies });
  }

  /** What a port of a pod answers to GET. `undefined`: nobody listens there. */
  answer(pod: KubeObject, port: number, path: string): { status: number; body: string } | undefined {
    return istiodAnswer(this.#context, { istiods: this.istiodPods(), first: this.#first }, pod, port, path);
  }

  #applyCrds(version: string): void {
    if (version === '') return;
    this.#crds = version;
    const { store } = this.#context;
    const missing = this.#context.faults().crdMissing ?? [];
    for (const entry of istioCrds(version)) {
      const { name } = entry.object.metadata;
      if (missing.includes(name)) store.remove('CustomResourceDefinition', undefined, name);
      else store.share(entry);
    }
  }

  #applyIstiod(namespace: string, name: string, image: string): void {
    this.#istiod = { namespace, name };
    if (this.workloads.has('Deployment', namespace, name)) {
      this.workloads.setImage('Deployment', namespace, name, image);
      return;
    }
    this.workloads.create(istiodSpec(namespace, name, image));
    this.refreshFaults();
  }

  #applyGateway(namespace: string, name: string): void {
    if (this.workloads.has('Deployment', namespace, name)) return;
    this.#gateways.push({ namespace, name });
    this.workloads.create(gatewaySpec(namespace, name));
  }

  #applyDaemon(namespace: string, name: string, container: string, image: string): void {
    if (this.workloads.has('DaemonSet', namespace, name)) {
      this.workloads.setImage('DaemonSet', namespace, name, image);
      return;
    }
    this.workloads.create(daemonSpec(namespace, name, container, image));
  }

  #stuck(name: string): boolean {
    const fault = this.#context.faults().stuckRollout;
    if (fault === undefined || this.#first === '') return false;
    const names = typeof fault === 'string' ? [fault] : fault;
    return names.includes(name) && this.#wanted() !== this.#first;
  }

  /** Version in istiod's template. */
  #wanted(): string {
    const at = this.#istiod;
    const object =
      at === undefined ? undefined : this.#context.store.get('Deployment', at.namespace, at.name)?.object;
    return object === undefined ? '' : imageTag(object.spec.template.spec.containers[0].image);
  }

  #podsChanged(namespace: string, name: string): void {
    this.#stale = true;
    failRestarts(this.#context, this.#first, namespace, name);
    const { store, timeline, cluster } = this.#context;
    const isIstiod = name === this.#istiod?.name && namespace === this.#istiod.namespace;
    if (!isIstiod && !this.#gateways.some((at) => at.namespace === namespace && at.name === name)) return;
    let pods = store
      .list('Pod')
      .map((entry) => entry.object)
      .filter((pod) => pod.metadata.namespace === namespace && pod.metadata.labels?.app === name);
    if (isIstiod) {
      // Its controller renders the waypoints again once it leads.
      if (this.#first !== '') this.#context.timeline.in(3, () => this.#waypoints.render(this.#proxyImage()));
      crashIstiods(this.#context, this.#first, pods, () => this.workloads.refresh(namespace, name));
      if (within(this.#context.faults().webhookNoEndpoint, this.#context.minutes())) pods = [];
    }
    const ports = isIstiod
      ? [
          { name: 'https-webhook', port: 443 },
          { name: 'http-monitoring', port: 15014 },
        ]
      : [{ name: 'https', port: 443 }];
    for (const object of serviceOf(cluster.cluster_id, namespace, name, ports, pods, iso(timeline.now))) {
      const old = store.get(object.kind!, namespace, object.metadata.name)?.object;
      if (old === undefined || JSON.stringify(old.endpoints) !== JSON.stringify(object.endpoints))
        store.put(object);
    }
  }
}
