import type { KubeObject } from '../../ports/cluster-access.js';
import { type Entry, partialOf } from '../clusters/store.js';

interface Column {
  readonly name: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: number;
  readonly cell: (object: KubeObject, now: number) => string | number;
}

const column = (name: string, cell: Column['cell'], priority = 0): Column => ({ name, cell, priority });

const NAME = column('Name', (object) => object.metadata.name);
const AGE = column('Age', (object, now) => age(object.metadata.creationTimestamp, now));
const READY = column('Ready', (object) => condition(object, 'Ready')?.status ?? 'Unknown');
const STATUS = column('Status', (object) => condition(object, 'Ready')?.message ?? '');

// biome-ignore lint/suspicious/noExplicitAny: fields of many kinds
type Fields = any;

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Pod: [
    NAME,
    column(
      'Ready',
      (pod) => `${containers(pod).filter((entry) => entry.ready).length}/${containers(pod).length}`,
    ),
    column('Status', podStatus),
    column('Restarts', (pod) => containers(pod).reduce((sum, entry) => sum + (entry.restartCount ?? 0), 0)),
    AGE,
    column('IP', (pod) => pod.status?.podIP ?? '<none>', 1),
    column('Node', (pod) => pod.spec?.nodeName ?? '<none>', 1),
  ],
  Deployment: [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`),
    column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', ({ status }) => status?.availableReplicas ?? 0),
    AGE,
    column(
      'Images',
      ({ spec }) => (spec?.template?.spec?.containers ?? []).map((entry: Fields) => entry.image).join(','),
      1,
    ),
  ],
  StatefulSet: [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`),
    AGE,
  ],
  DaemonSet: [
    NAME,
    column('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0),
    column('Current', ({ status }) => status?.currentNumberScheduled ?? 0),
    column('Ready', ({ status }) => status?.numberReady ?? 0),
    column('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0),
    column('Available', ({ status }) => status?.numberAvailable ?? 0),
    AGE,
  ],
  ReplicaSet: [
    NAME,
    column('Desired', ({ spec }) => spec?.replicas ?? 0),
    column('Current', ({ status }) => status?.replicas ?? 0),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0),
    AGE,
  ],
  Namespace: [NAME, column('Status', ({ status }) => status?.phase ?? 'Active'), AGE],
  Node: [
    NAME,
    column('Status', (node) => (condition(node, 'Ready')?.status === 'True' ? 'Ready' : 'NotReady')),
    AGE,
    column('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  ],
  Kustomization: [NAME, AGE, READY, STATUS],
  HelmRelease: [NAME, AGE, READY, STATUS],
  GitRepository: [NAME, column('URL', ({ spec }) => spec?.url ?? ''), AGE, READY, STATUS],
  HelmRepository: [NAME, column('URL', ({ spec }) => spec?.url ?? ''), AGE, READY, STATUS],
  OCIRepository: [NAME, column('URL', ({ spec }) => spec?.url ?? ''), READY, STATUS, AGE],
  CustomResourceDefinition: [NAME, column('Created At', ({ metadata }) => metadata.creationTimestamp ?? '')],
};

/** `meta.k8s.io/v1` Table: what `kubectl get` prints. */
export function tableOf(kind: string, entries: readonly Entry[], metadata: object, now: number): string {
  const columns = COLUMNS[kind] ?? [NAME, AGE];
  const definitions = columns.map(({ name, priority }) => ({
    name,
    type: 'string',
    format: name === 'Name' ? 'name' : '',
    description: '',
    priority,
  }));
  const rows = entries.map((entry) => {
    const cells = columns.map(({ cell }) => cell(entry.object, now));
    return `{"cells":${JSON.stringify(cells)},"object":${partialOf(entry)}}`;
  });
  const head = JSON.stringify({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: definitions,
  });
  return `${head.slice(0, -1)},"rows":[${rows.join(',')}]}`;
}

function containers(pod: KubeObject): Fields[] {
  const native = ((pod.spec?.initContainers ?? []) as Fields[])
    .filter((entry) => entry.restartPolicy === 'Always')
    .map((entry) => entry.name);
  const sidecars = ((pod.status?.initContainerStatuses ?? []) as Fields[]).filter((entry) =>
    native.includes(entry.name),
  );
  return [...((pod.status?.containerStatuses ?? []) as Fields[]), ...sidecars];
}

function podStatus(pod: KubeObject): string {
  const waiting = containers(pod).find((entry) => entry.state?.waiting !== undefined)?.state.waiting.reason;
  return waiting ?? (pod.status?.phase === 'Succeeded' ? 'Completed' : (pod.status?.phase ?? 'Unknown'));
}

function condition(object: KubeObject, type: string): Fields {
  return ((object.status?.conditions ?? []) as Fields[]).find((entry) => entry.type === type);
}

/** As kubectl: `45s`, `12m`, `5h`, `30d`. */
function age(created: string | undefined, now: number): string {
  if (created === undefined) return '<unknown>';
  const seconds = Math.max(0, Math.floor((now - Date.parse(created)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
