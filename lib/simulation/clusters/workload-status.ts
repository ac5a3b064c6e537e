import type { KubeObject } from '../../ports/cluster-access.js';
import { hashOfPod, podReady } from './pods.js';
import { uid } from './status.js';
import type { WorkloadKind } from './workload-spec.js';

/** What the controllers know of a workload. */
export interface State {
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

export type Stage = 'progressing' | 'complete' | 'stuck';

type Status = Record<string, unknown>;

/** `status` as its controller writes it. Numbers are left out when they are zero, as the real controllers do. */
export function statusOf(
  state: State,
  object: KubeObject,
  pods: readonly KubeObject[],
  stage: Stage,
  now: string,
): Status {
  const counts = {
    all: pods.length,
    updated: pods.filter((pod) => hashOfPod(pod) === state.hash).length,
    ready: pods.filter(podReady).length,
  };
  const own = {
    DaemonSet: () => daemonSetStatus(state, counts),
    StatefulSet: () => statefulSetStatus(state, counts),
    Deployment: () => deploymentStatus(state, counts, stage, now),
  }[state.kind]();
  return { observedGeneration: object.metadata.generation, ...own };
}

interface Counts {
  readonly all: number;
  readonly updated: number;
  readonly ready: number;
}

function daemonSetStatus({ desired }: State, { all, updated, ready }: Counts): Status {
  return {
    currentNumberScheduled: all,
    desiredNumberScheduled: desired,
    numberMisscheduled: 0,
    numberReady: ready,
    ...positive({
      updatedNumberScheduled: updated,
      numberAvailable: ready,
      numberUnavailable: desired - ready,
    }),
  };
}

function statefulSetStatus(state: State, { all, updated, ready }: Counts): Status {
  const done = updated === state.desired && ready === state.desired;
  const revision = (hash: string) => `${state.name}-${hash}`;
  return {
    replicas: all,
    currentRevision: revision(done ? state.hash : state.previousHash),
    updateRevision: revision(state.hash),
    collisionCount: 0,
    ...positive({
      readyReplicas: ready,
      availableReplicas: ready,
      updatedReplicas: updated,
      currentReplicas: done ? updated : all - updated,
    }),
  };
}

function deploymentStatus(state: State, { all, updated, ready }: Counts, stage: Stage, now: string): Status {
  const set = `${state.name}-${state.hash}`;
  const progress = {
    progressing: ['True', 'ReplicaSetUpdated', `ReplicaSet "${set}" is progressing.`],
    complete: ['True', 'NewReplicaSetAvailable', `ReplicaSet "${set}" has successfully progressed.`],
    stuck: ['False', 'ProgressDeadlineExceeded', `ReplicaSet "${set}" has timed out progressing.`],
  }[stage] as [string, string, string];
  const available = ready >= Math.max(0, state.desired - 1) && (ready > 0 || state.desired === 0);
  return {
    ...positive({
      replicas: all,
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
}

/** A Deployment's ReplicaSets: that of its template, and the one before it. */
export function replicaSetsOf(
  state: State,
  owner: KubeObject,
  pods: readonly KubeObject[],
  cluster: string,
  now: string,
): KubeObject[] {
  return [...new Set([state.previousHash, state.hash])].map((hash) => {
    const name = `${state.name}-${hash}`;
    const mine = pods.filter((pod) => hashOfPod(pod) === hash);
    const ready = mine.filter(podReady).length;
    return {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name,
        namespace: state.namespace,
        uid: uid(cluster, 'ReplicaSet', state.namespace, name),
        generation: 1,
        creationTimestamp: now,
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
      spec: {
        replicas: mine.length,
        selector: { matchLabels: { app: state.name, 'pod-template-hash': hash } },
      },
      status: {
        replicas: mine.length,
        observedGeneration: 1,
        ...positive({ readyReplicas: ready, availableReplicas: ready }),
      },
    };
  });
}

function positive(numbers: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value > 0));
}
