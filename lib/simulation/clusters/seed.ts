import type { KubeObject } from '../../ports/cluster-access.js';
import { AMBIENT_LABELS } from './ambient.js';
import type { ClusterContext } from './context.js';
import { within } from './faults.js';
import { generatedName, podOf, readyPod } from './pods.js';
import { pick } from './random.js';
import { iso, uid } from './status.js';
import type { WorkloadSpec } from './workload-spec.js';
import type { Workloads } from './workloads.js';

const NODES = 3;

const NAMESPACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  'kube-system': {},
  'flux-system': {},
  'istio-system': {},
  'istio-ingress': { 'istio-injection': 'enabled' },
  shop: { 'istio-injection': 'enabled' },
  payments: { 'istio-injection': 'enabled' },
  // By revision label, the other way to ask for sidecars.
  search: { 'istio.io/rev': 'default' },
  // Outside the mesh.
  batch: {},
};

/** Nodes and namespaces: what is there before Flux. */
export function seedCluster(context: ClusterContext): void {
  const { store, cluster } = context;
  const namespaces = { ...NAMESPACES, ...(context.faults().ambient && { search: AMBIENT_LABELS }) };
  for (const [name, labels] of Object.entries(namespaces)) {
    store.put({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        uid: uid(cluster.cluster_id, 'Namespace', name),
        creationTimestamp: iso(context.timeline.now),
        labels: { 'kubernetes.io/metadata.name': name, ...labels },
      },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }
  updateNodes(context);
}

/** Nodes as the scenario wants them at this time. */
export function updateNodes(context: ClusterContext): void {
  const { store, cluster, timeline } = context;
  const broken = within(context.faults().nodeNotReady, context.minutes());
  for (let index = 0; index < NODES; index += 1) {
    const name = `ip-10-${pick(200, cluster.cluster_id) + 1}-${index}-${pick(250, cluster.cluster_id, index) + 1}.${cluster.region}.compute.internal`;
    const old = store.get('Node', undefined, name)?.object;
    const ready = !(broken && index === 0);
    const wasReady = old?.status.conditions[0].status === 'True';
    if (old !== undefined && wasReady === ready) continue;
    store.put(nodeOf(context, name, ready, (old?.metadata.creationTimestamp as string) ?? iso(timeline.now)));
  }
}

function nodeOf(context: ClusterContext, name: string, ready: boolean, created: string): KubeObject {
  const { cluster, kubernetesVersion, timeline } = context;
  const reason = ready ? 'KubeletReady' : 'NodeStatusUnknown';
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: uid(cluster.cluster_id, 'Node', name),
      creationTimestamp: created,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': 'arm64',
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/region': cluster.region,
      },
    },
    spec: {
      providerID: `aws:///${cluster.region}a/i-0${uid(name).slice(0, 8)}`,
      ...(!ready && { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }] }),
    },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'Unknown',
          reason,
          message: ready ? 'kubelet is posting ready status' : 'Kubelet stopped posting node status.',
          lastTransitionTime: iso(timeline.now),
          lastHeartbeatTime: iso(timeline.now),
        },
        {
          type: 'MemoryPressure',
          status: 'False',
          reason: 'KubeletHasSufficientMemory',
          lastTransitionTime: created,
        },
        {
          type: 'DiskPressure',
          status: 'False',
          reason: 'KubeletHasNoDiskPressure',
          lastTransitionTime: created,
        },
      ],
      nodeInfo: {
        kubeletVersion: kubernetesVersion,
        osImage: 'Amazon Linux 2023',
        containerRuntimeVersion: 'containerd://2.1.4',
        architecture: 'arm64',
        operatingSystem: 'linux',
        kernelVersion: '6.12.0',
      },
      capacity: { cpu: '8', memory: '32Gi', pods: '110' },
      allocatable: { cpu: '7910m', memory: '31Gi', pods: '110' },
      addresses: [
        { type: 'InternalIP', address: '10.0.0.10' },
        { type: 'Hostname', address: name },
      ],
    },
  };
}

/** The applications of a cluster, all running. */
export function seedApplications(context: ClusterContext, workloads: Workloads): void {
  const faults = context.faults();
  const app = (
    namespace: string,
    name: string,
    replicas: number,
    more: Partial<WorkloadSpec> = {},
  ): WorkloadSpec => ({
    kind: 'Deployment',
    namespace,
    name,
    replicas,
    container: 'app',
    image: `registry.example.com/${namespace}/${name}:${1 + pick(8, namespace, name)}.${pick(30, name)}.${pick(9, namespace)}`,
    ...more,
  });
  const apps: WorkloadSpec[] = [
    app(
      'shop',
      'frontend',
      3,
      faults.latestImage ? { image: 'registry.example.com/shop/frontend:latest' } : {},
    ),
    app('shop', 'cart', 2),
    app('shop', 'catalog', 2),
    app('payments', 'payments-api', 2),
    app('payments', 'ledger', 3, { kind: 'StatefulSet', podSeconds: 8 }),
    app('payments', 'fraud-check', 1, { paused: true }),
    app('payments', 'legacy-bridge', 1, { labels: { 'sidecar.istio.io/inject': 'false' } }),
    app('search', 'search-api', 2),
    app('search', 'indexer', 1),
    app('search', 'suggest', 0),
    app('search', 'log-shipper', NODES, { kind: 'DaemonSet', podSeconds: 5 }),
    app('batch', 'scheduler', 1),
  ];
  // In some clusters one DaemonSet leaves it to people when its pods are replaced.
  if (pick(5, context.cluster.cluster_id, 'on-delete') === 0) {
    apps.push(app('search', 'gpu-metrics', NODES, { kind: 'DaemonSet', onDelete: true }));
  }
  for (const spec of apps) workloads.create(spec);
  finishedJob(context);
  if (faults.restarts !== undefined) restartLoop(context, faults.restarts);
}

/** A Job's pod that has done its work: not ready, and nothing is wrong. */
function finishedJob(context: ClusterContext): void {
  const { store, cluster, timeline } = context;
  const now = iso(timeline.now);
  const image = 'registry.example.com/batch/nightly-report:2.4.1';
  const pod = podOf({
    cluster: cluster.cluster_id,
    name: generatedName('nightly-report', cluster.cluster_id),
    namespace: 'batch',
    ordinal: undefined,
    hash: '29384710',
    template: {
      metadata: { labels: { app: 'nightly-report' } },
      spec: { containers: [{ name: 'report', image }] },
    },
    node: store.list('Node')[0]!.object.metadata.name,
    now,
    owner: { kind: 'Job', name: 'nightly-report-29384710' },
    mesh: undefined,
  });
  store.put({
    ...pod,
    spec: { ...pod.spec, restartPolicy: 'Never' },
    status: {
      ...pod.status,
      phase: 'Succeeded',
      conditions: [{ type: 'Ready', status: 'False', reason: 'PodCompleted', lastTransitionTime: now }],
      containerStatuses: [
        {
          name: 'report',
          image,
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: now } },
        },
      ],
    },
  });
}

function restartLoop(context: ClusterContext, restarts: number): void {
  const { store, timeline } = context;
  const pod = store.list('Pod').find((entry) => entry.object.metadata.labels?.app === 'cart')!.object;
  const containerStatuses = (pod.status.containerStatuses as object[]).map((entry, index) =>
    index === 0
      ? {
          ...entry,
          restartCount: restarts,
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: iso(timeline.now) } },
        }
      : entry,
  );
  store.put(readyPod({ ...pod, status: { ...pod.status, containerStatuses } }, iso(timeline.now)));
}
