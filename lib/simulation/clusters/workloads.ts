import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { hashOfPod, ordinalOf, type PodMesh, podOf, podReady, readyPod } from './pods.js';
import { suffix } from './random.js';
import { iso, uid } from './status.js';
import { hashOf, specOf, type WorkloadKind, type WorkloadSpec } from './workload-spec.js';
import { replicaSetsOf, type Stage, type State, statusOf } from './workload-status.js';

/** Decides how a new pod gets into the mesh: what the webhook of the running istiod and istio-cni do. */
export type Injector = (namespace: string, labels: Readonly<Record<string, string>>) => PodMesh;

/** Deployments, StatefulSets and DaemonSets, and the controllers that replace their pods. */
export class Workloads {
  readonly #context: ClusterContext;
  readonly #inject: Injector;
  readonly #states = new Map<string, State>();
  /** Told when a pod came or went, or became ready. */
  readonly #podsChanged: (namespace: string, name: string) => void;
  /** Whether a workload's new pods never become ready. */
  readonly #stuck: (name: string) => boolean;

  constructor(
    context: ClusterContext,
    hooks: {
      inject: Injector;
      podsChanged: (namespace: string, name: string) => void;
      stuck: (name: string) => boolean;
    },
  ) {
    this.#context = context;
    this.#inject = hooks.inject;
    this.#podsChanged = hooks.podsChanged;
    this.#stuck = hooks.stuck;
  }

  has(kind: WorkloadKind, namespace: string, name: string): boolean {
    return this.#states.has(`${kind}/${namespace}/${name}`);
  }

  /** Puts it on the cluster with all its pods running. */
  create(spec: WorkloadSpec): void {
    const { store, cluster, timeline } = this.#context;
    const key = `${spec.kind}/${spec.namespace}/${spec.name}`;
    const labels = { app: spec.name, ...spec.labels };
    const template = {
      metadata: { labels, ...(spec.annotations && { annotations: spec.annotations }) },
      spec: {
        serviceAccountName: spec.name,
        containers: [
          {
            name: spec.container,
            image: spec.image,
            resources: { requests: { cpu: '100m', memory: '128Mi' } },
          },
        ],
      },
    };
    const state: State = {
      kind: spec.kind,
      namespace: spec.namespace,
      name: spec.name,
      podSeconds: spec.podSeconds ?? 6,
      desired: spec.replicas,
      pods: [],
      hash: hashOf(template),
      previousHash: hashOf(template),
      run: 0,
      created: 0,
    };
    this.#states.set(key, state);
    store.put({
      apiVersion: 'apps/v1',
      kind: spec.kind,
      metadata: {
        name: spec.name,
        namespace: spec.namespace,
        uid: uid(cluster.cluster_id, key),
        generation: 1,
        creationTimestamp: iso(timeline.now),
        labels: { ...labels, ...spec.ownLabels },
      },
      spec: specOf(spec, template),
      status: {},
    });
    for (let index = 0; index < spec.replicas; index += 1) this.#makePod(state, index, true);
    this.#updateStatus(state, 'complete');
  }

  /** The container's image in the template; a rollout when it is another one. */
  setImage(kind: WorkloadKind, namespace: string, name: string, image: string): void {
    const object = this.#context.store.get(kind, namespace, name)?.object;
    if (object === undefined) return;
    const template = structuredClone(object.spec.template);
    if (template.spec.containers[0].image === image) return;
    template.spec.containers[0].image = image;
    this.changed({ ...object, spec: { ...object.spec, template } }, object);
  }

  /** Stores a new specification and starts the rollout that it asks for. */
  changed(object: KubeObject, old: KubeObject): KubeObject {
    const { store, timeline } = this.#context;
    const state = this.#states.get(`${object.kind}/${object.metadata.namespace}/${object.metadata.name}`);
    const sameSpec = JSON.stringify(object.spec) === JSON.stringify(old.spec);
    const generation = (old.metadata.generation ?? 1) + (sameSpec ? 0 : 1);
    const stored = store.put({ ...object, metadata: { ...object.metadata, generation } });
    if (state === undefined || sameSpec) return stored;
    state.run += 1;
    const { run } = state;
    timeline.in(1, () => {
      if (state.run === run) this.#observe(state, run);
    });
    return stored;
  }

  /** All pods are of the newest template and ready. */
  isComplete(kind: WorkloadKind, namespace: string, name: string): boolean {
    const state = this.#states.get(`${kind}/${namespace}/${name}`);
    const object = this.#context.store.get(kind, namespace, name)?.object;
    if (state === undefined || object === undefined) return false;
    const fresh = object.status?.observedGeneration === object.metadata.generation;
    return fresh && this.#pods(state).every((pod) => hashOfPod(pod) === state.hash && podReady(pod));
  }

  /** A pod was deleted by hand: its controller makes another one of the newest template. */
  deleted(pod: KubeObject): void {
    const { store, timeline } = this.#context;
    const state = [...this.#states.values()].find(
      (entry) => entry.namespace === pod.metadata.namespace && entry.pods.includes(pod.metadata.name),
    );
    store.remove('Pod', pod.metadata.namespace, pod.metadata.name);
    if (state === undefined) return;
    const index = state.pods.indexOf(pod.metadata.name);
    state.pods.splice(index, 1);
    this.#podsChanged(state.namespace, state.name);
    this.#updateStatus(state, 'progressing');
    timeline.in(1, () => {
      const name = this.#makePod(state, state.kind === 'Deployment' ? state.created : ordinalOf(pod), false);
      this.#updateStatus(state, 'progressing');
      this.#becomesReady(state, name, () => this.#updateStatus(state, 'complete'));
    });
  }

  /** Refreshes every status after pods were changed from outside, by a fault. */
  refresh(namespace: string, name: string): void {
    for (const state of this.#states.values()) {
      if (state.namespace !== namespace || state.name !== name) continue;
      this.#podsChanged(namespace, name);
      this.#updateStatus(state, 'complete');
    }
  }

  #observe(state: State, run: number): void {
    const { store, timeline } = this.#context;
    const object = store.get(state.kind, state.namespace, state.name)!.object;
    const hash = hashOf(object.spec.template);
    const onDelete = object.spec.updateStrategy?.type === 'OnDelete';
    if (object.spec.paused === true) {
      this.#updateStatus(state, 'progressing');
      return;
    }
    if (hash !== state.hash) {
      state.previousHash = state.hash;
      state.hash = hash;
    }
    // Pods of an unfinished rollout that never became ready go first.
    for (const pod of this.#pods(state)) {
      if (hashOfPod(pod) !== hash && !podReady(pod) && state.kind === 'Deployment')
        this.#removePod(state, pod.metadata.name);
    }
    const stale = this.#pods(state).some((pod) => hashOfPod(pod) !== hash);
    this.#updateStatus(state, stale && !onDelete ? 'progressing' : 'complete');
    if (!stale || onDelete) return;
    const deadline = Number(object.spec.progressDeadlineSeconds ?? 600);
    const progress = { last: timeline.now };
    const watch = () => {
      if (state.run !== run || this.isComplete(state.kind, state.namespace, state.name)) return;
      if (timeline.now - progress.last >= deadline * 1000) this.#updateStatus(state, 'stuck');
      else timeline.at(progress.last + deadline * 1000, watch);
    };
    if (state.kind === 'Deployment') timeline.in(deadline, watch);
    this.#replaceNext(state, run, progress);
  }

  #replaceNext(state: State, run: number, progress: { last: number }): void {
    if (state.run !== run) return;
    const { timeline } = this.#context;
    const old = this.#pods(state).filter((pod) => hashOfPod(pod) !== state.hash);
    // StatefulSets go from the highest ordinal down.
    const next = state.kind === 'StatefulSet' ? old.at(-1) : old[0];
    if (next === undefined) {
      for (const name of state.pods.slice(state.desired)) this.#removePod(state, name);
      this.#updateStatus(state, 'complete');
      return;
    }
    const surge = state.kind === 'Deployment';
    if (!surge) this.#removePod(state, next.metadata.name);
    const name = this.#makePod(state, surge ? state.created : ordinalOf(next), false);
    this.#updateStatus(state, 'progressing');
    this.#becomesReady(state, name, () => {
      if (state.run !== run) return;
      if (surge) this.#removePod(state, next.metadata.name);
      progress.last = timeline.now;
      this.#updateStatus(state, 'progressing');
      this.#replaceNext(state, run, progress);
    });
  }

  #becomesReady(state: State, name: string, then: () => void): void {
    const { store, timeline } = this.#context;
    if (this.#stuck(state.name)) return;
    timeline.in(state.podSeconds * (this.#context.faults().slowRollout ?? 1), () => {
      const pod = store.get('Pod', state.namespace, name)?.object;
      if (pod === undefined) return;
      store.put(readyPod(pod, iso(timeline.now)));
      this.#podsChanged(state.namespace, state.name);
      then();
    });
  }

  #makePod(state: State, ordinal: number, ready: boolean): string {
    const { store, timeline, cluster } = this.#context;
    const owner = store.get(state.kind, state.namespace, state.name)!.object;
    const template = owner.spec.template;
    state.created += 1;
    const name =
      state.kind === 'StatefulSet'
        ? `${state.name}-${ordinal}`
        : state.kind === 'DaemonSet'
          ? `${state.name}-${suffix(5, cluster.cluster_id, state.namespace, state.name, state.created)}`
          : `${state.name}-${state.hash}-${suffix(5, cluster.cluster_id, state.namespace, state.name, state.created)}`;
    const nodes = store.list('Node');
    const node =
      nodes.length === 0
        ? 'node'
        : nodes[(state.kind === 'DaemonSet' ? ordinal : state.created) % nodes.length]!.object.metadata.name;
    const pod = podOf({
      cluster: cluster.cluster_id,
      name,
      namespace: state.namespace,
      ordinal: state.kind === 'Deployment' ? undefined : ordinal,
      hash: state.hash,
      template,
      node,
      now: iso(timeline.now),
      owner:
        state.kind === 'Deployment'
          ? { kind: 'ReplicaSet', name: `${state.name}-${state.hash}` }
          : { kind: state.kind, name: state.name },
      mesh: this.#inject(state.namespace, template.metadata.labels ?? {}),
    });
    store.put(ready ? readyPod(pod, iso(timeline.now)) : pod);
    state.pods.push(name);
    if (state.kind !== 'Deployment') state.pods.sort();
    if (ready) this.#podsChanged(state.namespace, state.name);
    return name;
  }

  #removePod(state: State, name: string): void {
    this.#context.store.remove('Pod', state.namespace, name);
    state.pods = state.pods.filter((pod) => pod !== name);
    this.#podsChanged(state.namespace, state.name);
  }

  #pods(state: State): KubeObject[] {
    return state.pods.flatMap((name) => {
      const entry = this.#context.store.get('Pod', state.namespace, name);
      return entry === undefined ? [] : [entry.object];
    });
  }

  #updateStatus(state: State, stage: Stage): void {
    const { store, timeline, cluster } = this.#context;
    const object = store.get(state.kind, state.namespace, state.name)!.object;
    const pods = this.#pods(state);
    const now = iso(timeline.now);
    store.put({ ...object, status: statusOf(state, object, pods, stage, now) });
    if (state.kind !== 'Deployment') return;
    for (const set of replicaSetsOf(state, object, pods, cluster.cluster_id, now)) {
      const old = store.get('ReplicaSet', state.namespace, set.metadata.name)?.object;
      const same = ['replicas', 'readyReplicas'].every(
        (field) => (old?.status?.[field] ?? 0) === (set.status[field] ?? 0),
      );
      if (old !== undefined && same) continue;
      const { creationTimestamp = now } = old?.metadata ?? {};
      store.put({ ...set, metadata: { ...set.metadata, creationTimestamp } });
    }
  }
}
