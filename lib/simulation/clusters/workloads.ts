import type { KubeObject } from '../../ports/cluster-access.js';
import type { ClusterContext } from './context.js';
import { type PodMesh, podOf } from './pods.js';
import { hexadecimal, suffix } from './random.js';
import { iso, uid } from './status.js';

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

/** What a workload is made of in the beginning. */
export interface WorkloadSpec {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly container: string;
  readonly image: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** On the workload itself, not on its pods. */
  readonly ownLabels?: Readonly<Record<string, string>>;
  readonly paused?: boolean;
  readonly onDelete?: boolean;
  /** Simulated seconds until a pod is ready. */
  readonly podSeconds?: number;
}

/** Decides how a new pod gets into the mesh: what the webhook of the running istiod and istio-cni do. */
export type Injector = (namespace: string, labels: Readonly<Record<string, string>>) => PodMesh;

interface State {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly podSeconds: number;
  readonly desired: number;
  /** Names of its pods, oldest first. */
  pods: string[];
  hash: string;
  previousHash: string;
  /** Grows with every rollout: events of an earlier one do nothing. */
  run: number;
  created: number;
}

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

  /** Number fields are left out when they are zero, as the real controllers do. */
  #updateStatus(state: State, stage: 'progressing' | 'complete' | 'stuck'): void {
    const { store, timeline } = this.#context;
    const object = store.get(state.kind, state.namespace, state.name)!.object;
    const pods = this.#pods(state);
    const updated = pods.filter((pod) => hashOfPod(pod) === state.hash).length;
    const ready = pods.filter(podReady).length;
    const base = { observedGeneration: object.metadata.generation };
    if (state.kind === 'DaemonSet') {
      const status = {
        ...base,
        currentNumberScheduled: pods.length,
        desiredNumberScheduled: state.desired,
        numberMisscheduled: 0,
        numberReady: ready,
        ...positive({
          updatedNumberScheduled: updated,
          numberAvailable: ready,
          numberUnavailable: state.desired - ready,
        }),
      };
      store.put({ ...object, status });
      return;
    }
    if (state.kind === 'StatefulSet') {
      const done = updated === state.desired && ready === state.desired;
      const revision = (hash: string) => `${state.name}-${hash}`;
      const status = {
        ...base,
        replicas: pods.length,
        currentRevision: revision(done ? state.hash : state.previousHash),
        updateRevision: revision(state.hash),
        collisionCount: 0,
        ...positive({
          readyReplicas: ready,
          availableReplicas: ready,
          updatedReplicas: updated,
          currentReplicas: done ? updated : pods.length - updated,
        }),
      };
      store.put({ ...object, status });
      return;
    }
    const now = iso(timeline.now);
    const set = `${state.name}-${state.hash}`;
    const progress = {
      progressing: ['True', 'ReplicaSetUpdated', `ReplicaSet "${set}" is progressing.`],
      complete: ['True', 'NewReplicaSetAvailable', `ReplicaSet "${set}" has successfully progressed.`],
      stuck: ['False', 'ProgressDeadlineExceeded', `ReplicaSet "${set}" has timed out progressing.`],
    }[stage] as [string, string, string];
    const available = ready >= Math.max(0, state.desired - 1) && (ready > 0 || state.desired === 0);
    const status = {
      ...base,
      ...positive({
        replicas: pods.length,
        updatedReplicas: updated,
        readyReplicas: ready,
        availableReplicas: ready,
        unavailableReplicas: state.desired - ready,
      }),
      conditions: [
        {
          type: 'Available',
          status: available ? 'True' : 'False',
          reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
          message: '',
          lastUpdateTime: now,
          lastTransitionTime: now,
        },
        {
          type: 'Progressing',
          status: progress[0],
          reason: progress[1],
          message: progress[2],
          lastUpdateTime: now,
          lastTransitionTime: now,
        },
      ],
    };
    store.put({ ...object, status });
    this.#updateReplicaSets(state, object, pods);
  }

  #updateReplicaSets(state: State, owner: KubeObject, pods: readonly KubeObject[]): void {
    const { store, timeline, cluster } = this.#context;
    for (const hash of new Set([state.previousHash, state.hash])) {
      const name = `${state.name}-${hash}`;
      const mine = pods.filter((pod) => hashOfPod(pod) === hash);
      const old = store.get('ReplicaSet', state.namespace, name)?.object;
      const count = mine.length;
      const ready = mine.filter(podReady).length;
      if (
        old !== undefined &&
        (old.status?.replicas ?? 0) === count &&
        (old.status?.readyReplicas ?? 0) === ready
      )
        continue;
      store.put({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name,
          namespace: state.namespace,
          uid: uid(cluster.cluster_id, 'ReplicaSet', state.namespace, name),
          generation: 1,
          creationTimestamp: old?.metadata.creationTimestamp ?? iso(timeline.now),
          labels: { ...owner.spec.template.metadata.labels, 'pod-template-hash': hash },
          ownerReferences: [
            {
              apiVersion: 'apps/v1',
              kind: 'Deployment',
              name: state.name,
              uid: String(owner.metadata.uid),
              controller: true,
            } as { kind: string; name: string },
          ],
        },
        spec: { replicas: count, selector: { matchLabels: { app: state.name, 'pod-template-hash': hash } } },
        status: {
          replicas: count,
          observedGeneration: 1,
          ...positive({ readyReplicas: ready, availableReplicas: ready }),
        },
      });
    }
  }
}

function specOf(spec: WorkloadSpec, template: object): object {
  const selector = { matchLabels: { app: spec.name } };
  if (spec.kind === 'DaemonSet') {
    return {
      selector,
      template,
      updateStrategy: { type: spec.onDelete ? 'OnDelete' : 'RollingUpdate' },
      revisionHistoryLimit: 10,
    };
  }
  if (spec.kind === 'StatefulSet') {
    return {
      replicas: spec.replicas,
      serviceName: spec.name,
      selector,
      template,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    };
  }
  return {
    replicas: spec.replicas,
    selector,
    template,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    ...(spec.paused && { paused: true }),
  };
}

function hashOf(template: unknown): string {
  return hexadecimal(10, JSON.stringify(template));
}

function hashOfPod(pod: KubeObject): string {
  const labels = pod.metadata.labels ?? {};
  return labels['pod-template-hash'] ?? labels['controller-revision-hash']?.split('-').pop() ?? '';
}

function ordinalOf(pod: KubeObject): number {
  return Number(pod.metadata.labels?.['apps.kubernetes.io/pod-index'] ?? 0);
}

export function podReady(pod: KubeObject): boolean {
  return (
    (pod.status?.conditions as { type: string; status: string }[] | undefined)?.some(
      (entry) => entry.type === 'Ready' && entry.status === 'True',
    ) === true
  );
}

/** The pod with every container running and ready. */
export function readyPod(pod: KubeObject, now: string): KubeObject {
  const ready = (entry: Record<string, unknown>) => ({
    ...entry,
    ready: true,
    started: true,
    state: { running: { startedAt: now } },
  });
  const conditions = [
    'PodReadyToStartContainers',
    'Initialized',
    'Ready',
    'ContainersReady',
    'PodScheduled',
  ].map((type) => ({ type, status: 'True', lastTransitionTime: now }));
  const { containerStatuses = [], initContainerStatuses } = pod.status;
  return {
    ...pod,
    status: {
      ...pod.status,
      phase: 'Running',
      conditions,
      containerStatuses: containerStatuses.map(ready),
      ...(initContainerStatuses && { initContainerStatuses: initContainerStatuses.map(ready) }),
    },
  };
}

function positive(numbers: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value > 0));
}
