import { hexadecimal } from './random.js';

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

/** The `spec` of the object, with the defaults that an API server fills in. */
export function specOf(spec: WorkloadSpec, template: object): object {
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

/** Of a pod template: what ReplicaSets and revisions are told apart by. */
export function hashOf(template: unknown): string {
  return hexadecimal(10, JSON.stringify(template));
}
