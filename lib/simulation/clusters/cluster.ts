import type { Cluster } from '../../domain/cluster.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import type { World } from '../world.js';
import { Charts } from './charts.js';
import type { ClusterContext } from './context.js';
import type { ClusterFaults, Span } from './faults.js';
import { Flux } from './flux.js';
import { applyFluxFault } from './flux-faults.js';
import { Mesh, type MeshState } from './istio.js';
import { fraction, hexadecimal, pick } from './random.js';
import { seedApplications, seedCluster, updateNodes } from './seed.js';
import { withoutCondition } from './status.js';
import { ObjectStore } from './store.js';
import { Timeline } from './timeline.js';

const DAY = 86_400_000;
const POLL = 60_000;

/** One simulated EKS cluster. Nothing happens in it by itself: whoever looks at it advances it to now first. */
export class SimulatedCluster {
  readonly cluster: Cluster;
  readonly store = new ObjectStore();
  readonly kubernetesVersion: string;
  /** Epoch milliseconds: when the world began. */
  readonly born: number;
  readonly #world: World;
  readonly #timeline: Timeline;
  readonly #context: ClusterContext;
  readonly #mesh: Mesh;
  readonly #flux: Flux;
  readonly #branch: string;
  /** Index of the newest head that Flux has seen. */
  #seen = -1;
  #begun = false;

  constructor(world: World, cluster: Cluster, webhookCa: ClusterContext['webhookCa']) {
    this.cluster = cluster;
    this.#world = world;
    this.kubernetesVersion = kubernetesVersionOf(cluster, this.faults());
    this.#branch =
      ['main', 'master'].find((name) => world.git.heads(cluster.gitlab_repo, name).length > 0) ?? 'main';
    const heads = world.git.heads(cluster.gitlab_repo, this.#branch);
    this.born = Math.min(heads[0]?.at ?? Infinity, world.clock.now());
    this.#timeline = new Timeline(this.born - 30 * DAY);
    const files = heads[0] === undefined ? new Map<string, string>() : world.git.files(heads[0].sha);
    this.#context = {
      cluster,
      fluxPath: fluxPathOf(cluster, files),
      store: this.store,
      timeline: this.#timeline,
      seed: world.scenario.seed,
      kubernetesVersion: this.kubernetesVersion,
      webhookCa,
      faults: () => this.faults(),
      minutes: () => (this.#timeline.now - this.born) / 60_000,
      poll: () => this.#poll(this.#timeline.now),
      waiters: new Map(),
    };
    this.#mesh = new Mesh(this.#context);
    this.#flux = new Flux(this.#context, new Charts(this.#mesh));
  }

  faults(): ClusterFaults {
    return this.#world.scenario.clusters?.[this.cluster.cluster_id] ?? {};
  }

  /** Simulated minutes since the world began. */
  minutes(now: number): number {
    return (now - this.born) / 60_000;
  }

  /** Everything that happens until `now` (epoch milliseconds) has happened afterwards. */
  advance(now: number): void {
    if (!this.#begun) this.#begin();
    for (;;) {
      const poll = this.#nextPoll();
      const event = this.#timeline.next() ?? Infinity;
      const next = Math.min(poll, event);
      if (next > now) break;
      this.#timeline.advance(event <= poll ? event : poll - 1);
      if (poll < event) {
        this.#timeline.advance(poll);
        this.#poll(poll);
      }
      this.#mesh.observe();
    }
    this.#timeline.advance(Math.max(now, this.#timeline.now));
    this.#mesh.observe();
  }

  /** The mesh over time, oldest first. */
  meshHistory(): readonly MeshState[] {
    return this.#mesh.history;
  }

  /** Version of Istio when the world began. */
  firstVersion(): string {
    return this.#mesh.firstVersion();
  }

  /** A GET to a pod's port; `undefined` when nobody listens. */
  podGet(pod: KubeObject, port: number, path: string): { status: number; body: string } | undefined {
    return this.#mesh.answer(pod, port, path);
  }

  /** A write from outside has changed an object: stores it and lets the controllers react. */
  write(changed: KubeObject, old: KubeObject): KubeObject {
    if (['Deployment', 'StatefulSet', 'DaemonSet'].includes(changed.kind ?? '')) {
      return this.#mesh.workloads.changed(changed, old);
    }
    const sameSpec = JSON.stringify(changed.spec) === JSON.stringify(old.spec);
    const generation =
      old.metadata.generation === undefined
        ? {}
        : { generation: old.metadata.generation + (sameSpec ? 0 : 1) };
    const stored = this.store.put({ ...changed, metadata: { ...changed.metadata, ...generation } });
    const asked =
      changed.metadata.annotations?.['reconcile.fluxcd.io/requestedAt'] !==
      old.metadata.annotations?.['reconcile.fluxcd.io/requestedAt'];
    if (!sameSpec || asked) this.#flux.touched(stored);
    return stored;
  }

  removePod(pod: KubeObject): void {
    this.#mesh.workloads.deleted(pod);
  }

  /** Builds the cluster as it was long before the world began, and lets it come to rest. */
  #begin(): void {
    this.#begun = true;
    seedCluster(this.#context);
    const heads = this.#world.git.heads(this.cluster.gitlab_repo, this.#branch);
    if (heads[0] !== undefined) {
      this.#seen = 0;
      this.#flux.fetched(this.#branch, heads[0].sha, this.#world.git.files(heads[0].sha));
      this.#timeline.advance(this.#timeline.now + DAY);
    }
    this.#mesh.begin(this.cluster.versions.istio?.current ?? '1.29.4');
    seedApplications(this.#context, this.#mesh.workloads);
    this.#timeline.advance(this.born);
    this.#fault();
    this.#mesh.observe();
    const faults = this.faults();
    const spans = [
      faults.nodeNotReady,
      faults.webhookExpired,
      faults.webhookNoEndpoint,
      ...(faults.flux ?? []),
    ];
    for (const span of spans) if (typeof span === 'object') this.#schedule(span);
  }

  #schedule(span: Span): void {
    for (const minute of [span.after, span.until]) {
      if (minute !== undefined && minute > 0)
        this.#timeline.at(this.born + minute * 60_000, () => this.#fault());
    }
  }

  /** Makes the cluster look as its faults say now. */
  #fault(): void {
    updateNodes(this.#context);
    this.#mesh.refreshFaults();
    for (const fault of this.faults().flux ?? []) {
      const object = this.store
        .list(fault.kind)
        .find((entry) => entry.object.metadata.name === fault.name)?.object;
      if (object === undefined || applyFluxFault(this.#context, fault.kind, object)) continue;
      const { suspend: _suspend, ...spec } = object.spec;
      this.#flux.touched(
        this.store.put({ ...object, spec, status: withoutCondition(object.status, 'Stalled') }),
      );
    }
  }

  /** When Flux's next look at Git finds something new; it looks once a minute, each cluster at its own second. */
  #nextPoll(): number {
    const heads = this.#world.git.heads(this.cluster.gitlab_repo, this.#branch);
    const next = heads[this.#seen + 1];
    if (next === undefined) return Infinity;
    const phase = Math.floor(fraction(this.#context.seed, this.cluster.cluster_id, 'poll') * POLL);
    const earliest = Math.max(next.at, this.born);
    return Math.ceil((earliest - phase) / POLL) * POLL + phase;
  }

  #poll(at: number): void {
    const heads = this.#world.git.heads(this.cluster.gitlab_repo, this.#branch);
    let index = this.#seen;
    while (heads[index + 1] !== undefined && heads[index + 1]!.at <= at) index += 1;
    if (index === this.#seen) return;
    this.#seen = index;
    const { sha } = heads[index]!;
    this.#flux.fetched(this.#branch, sha, this.#world.git.files(sha));
  }
}

/** The folder that holds flux-system, above the file that the registry names. */
function fluxPathOf(cluster: Cluster, files: ReadonlyMap<string, string>): string {
  if (cluster.flux_path !== undefined) return cluster.flux_path.replace(/^\.?\/+|\/+$/g, '');
  const parts = (cluster.flux_config_path ?? '').split('/').slice(0, -1);
  for (; parts.length > 0; parts.pop()) {
    const prefix = `${parts.join('/')}/flux-system/`;
    for (const path of files.keys()) if (path.startsWith(prefix)) return parts.join('/');
  }
  return `clusters/${cluster.cluster_id}`;
}

function kubernetesVersionOf(cluster: Cluster, faults: ClusterFaults): string {
  const chosen = faults.kubernetesVersion ?? cluster.metadata.kubernetes_version;
  const version =
    typeof chosen === 'string'
      ? chosen.replace(/^v/, '')
      : pick(3, cluster.cluster_id, 'minor') === 0
        ? '1.33.4'
        : '1.32.8';
  const full = /^\d+\.\d+$/.test(version) ? `${version}.0` : version;
  return full.includes('-') ? `v${full}` : `v${full}-eks-${hexadecimal(7, full)}`;
}
