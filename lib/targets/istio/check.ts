import { messageOf } from '../../domain/errors.js';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import { parseVersion } from '../../domain/version.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import type { IstioFinding } from '../../ports/istio-analyzer.js';
import { crdsServed, fluxReady, nodesReady, releasesAt, webhooksAlive } from '../kubernetes/checks.js';
import { collect, type ListName } from '../kubernetes/collect.js';
import { latestImages } from '../kubernetes/images.js';
import { restartCounts, restartSpike } from '../kubernetes/restarts.js';
import type { CheckContext } from '../target.js';
import { ambientChecks } from './checks/ambient.js';
import { analysisFindings } from './checks/analyze.js';
import {
  gatewaysRolledOut,
  isOfIstio,
  istiodRolledOut,
  kubernetesSupported,
  oneMinorAtATime,
} from './checks/control-plane.js';
import { proxiesInSync, sidecarVersions } from './checks/data-plane.js';
import { revisionsServed } from './checks/revisions.js';
import { requiredCrds } from './crds.js';
import { ISTIO_SYSTEM, proxyImage } from './mesh.js';
import { readSettledSync } from './sync-status.js';
import { unrestartable } from './workloads.js';

const NAMES: readonly ListName[] = [
  'nodes',
  'namespaces',
  'pods',
  'deployments',
  'statefulSets',
  'daemonSets',
  'crds',
  'validatingWebhooks',
  'mutatingWebhooks',
  'endpointSlices',
  'kustomizations',
  'helmReleases',
  'gitRepositories',
  'gateways',
];
const PATHS = { endpointSlices: `/apis/discovery.k8s.io/v1/namespaces/${ISTIO_SYSTEM}/endpointslices` };

/** Reads everything once and at once (about 18 requests), then judges it in pure functions. */
export async function checkIstio(context: CheckContext): Promise<CheckResult[]> {
  const { api, stage, expected } = context;
  const [version, lists, findings] = await Promise.all([
    api.version().catch((error: unknown) => ({ error: messageOf(error) })),
    collect(api, NAMES, PATHS),
    context.analyze.run().catch((error: unknown) => ({ error: messageOf(error) })),
  ]);
  if (typeof version !== 'string') return [checkResult('api-reachable', 'errored', version.error)];
  const sync = 'items' in lists.pods ? await readSettledSync(api, lists.pods.items) : undefined;
  if (Array.isArray(findings)) context.keep?.({ findings: findings as IstioFinding[] });
  if ('items' in lists.pods)
    context.keep?.({ restarts: restartCounts(lists.pods.items, isOfMesh, context.now) });
  const minor = parseVersion(expected)?.minor ?? 0;
  return [
    checkResult('api-reachable', 'passed', version),
    kubernetesSupported(version, stage === 'before' ? context.target : expected),
    ...(stage === 'before' ? [oneMinorAtATime(expected, context.target)] : []),
    nodesReady(lists),
    istiodRolledOut(lists, expected),
    gatewaysRolledOut(lists),
    releasesAt(lists, expected, 'Istio', isOfIstio),
    crdsServed(lists, requiredCrds(minor)),
    webhooksAlive(lists, belongsToIstio, context.now),
    revisionsServed(lists),
    fluxReady(lists),
    sync
      ? proxiesInSync(sync.rows, sync.asked)
      : checkResult('proxies-in-sync', 'errored', 'pods could not be listed'),
    sidecarVersions(lists, stage, expected, unrestartable(lists)),
    restartSpike(lists, {
      stage,
      belongs: isOfMesh,
      now: context.now,
      changedAt: context.changedAt,
      earlier: context.earlier?.restarts,
    }),
    latestImages(lists, isOfMesh),
    ...ambientChecks(lists, stage, expected),
    ...analysisFindings(findings, context.analyze.required, stage, context.earlier?.findings),
  ];
}

/** Pods that an upgrade touches: the control plane's, and every one with a proxy. */
function isOfMesh(pod: KubeObject): boolean {
  return pod.metadata.namespace === ISTIO_SYSTEM || proxyImage(pod) !== undefined;
}

function belongsToIstio(configuration: KubeObject): boolean {
  const { name, labels = {} } = configuration.metadata;
  return (
    name.startsWith('istio') ||
    labels.app === 'istiod' ||
    labels.app === 'sidecar-injector' ||
    'istio.io/rev' in labels
  );
}
