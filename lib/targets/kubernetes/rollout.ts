import type { KubeObject } from '../../ports/cluster-access.js';
import { conditionOf } from './collect.js';

/**
 * kubectl's own rules for a finished rollout (external-apis.md C5; kubectl polymorphichelpers/rollout_status.go).
 * Number fields of a status are left out when they are 0; spec.replicas may be null (then 1).
 */
export type RolloutState = {
  readonly state: 'done' | 'progressing' | 'failed' | 'manual';
  readonly message: string;
};

export function rolloutState(workload: KubeObject): RolloutState {
  const { spec = {}, status = {} } = workload;
  if ((workload.metadata.generation ?? 0) > (status.observedGeneration ?? 0)) {
    return { state: 'progressing', message: 'the newest spec is not observed yet' };
  }
  switch (workload.kind) {
    case 'DaemonSet':
      return daemonSet(spec, status);
    case 'StatefulSet':
      return statefulSet(spec, status);
    default:
      return deployment(workload, spec, status);
  }
}

type Fields = Readonly<Record<string, never>>;

function deployment(workload: KubeObject, spec: Fields, status: Fields): RolloutState {
  const progressing = conditionOf(workload, 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return { state: 'failed', message: 'exceeded its progress deadline' };
  }
  const wanted = number(spec.replicas, 1);
  const updated = number(status.updatedReplicas);
  const replicas = number(status.replicas);
  const available = number(status.availableReplicas);
  if (updated < wanted) return { state: 'progressing', message: `${updated} of ${wanted} replicas updated` };
  if (replicas > updated)
    return { state: 'progressing', message: `${replicas - updated} old replicas still there` };
  if (available < updated)
    return { state: 'progressing', message: `${available} of ${updated} replicas available` };
  return { state: 'done', message: `${updated} replicas` };
}

function daemonSet(spec: Fields, status: Fields): RolloutState {
  if (strategyOf(spec) === 'OnDelete')
    return { state: 'manual', message: 'strategy OnDelete: rolls only by hand' };
  const wanted = number(status.desiredNumberScheduled);
  const updated = number(status.updatedNumberScheduled);
  const available = number(status.numberAvailable);
  if (updated < wanted) return { state: 'progressing', message: `${updated} of ${wanted} pods updated` };
  if (available < wanted)
    return { state: 'progressing', message: `${available} of ${wanted} pods available` };
  return { state: 'done', message: `${wanted} pods` };
}

function statefulSet(spec: Fields, status: Fields): RolloutState {
  if (strategyOf(spec) === 'OnDelete')
    return { state: 'manual', message: 'strategy OnDelete: rolls only by hand' };
  const wanted = number(spec.replicas, 1);
  const ready = number(status.readyReplicas);
  if (ready < wanted) return { state: 'progressing', message: `${ready} of ${wanted} replicas ready` };
  const strategy = (spec as { updateStrategy?: { rollingUpdate?: { partition?: number } } }).updateStrategy;
  const partition = number(strategy?.rollingUpdate?.partition);
  const updated = number(status.updatedReplicas);
  if (partition > 0) {
    return updated >= wanted - partition
      ? { state: 'done', message: `${updated} replicas beyond partition ${partition}` }
      : { state: 'progressing', message: `${updated} of ${wanted - partition} replicas updated` };
  }
  return status.updateRevision === status.currentRevision
    ? { state: 'done', message: `${wanted} replicas` }
    : { state: 'progressing', message: `${updated} of ${wanted} replicas updated` };
}

function strategyOf(spec: Fields): string | undefined {
  return (spec as { updateStrategy?: { type?: string } }).updateStrategy?.type;
}

function number(value: unknown, whenAbsent = 0): number {
  return typeof value === 'number' ? value : whenAbsent;
}

/** A pod that counts: not finished (a Job's pod that succeeded is not "not ready") and not being deleted. */
export function isLive(pod: KubeObject): boolean {
  const phase: unknown = pod.status?.phase;
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}
