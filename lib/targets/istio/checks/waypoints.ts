import { type CheckResult, checkResult } from '../../../domain/evidence.js';
import type { KubeObject } from '../../../ports/cluster-access.js';
import { conditionOf, type Lists, nameOf, over } from '../../kubernetes/collect.js';
import { rolloutState } from '../../kubernetes/rollout.js';
import { imageTag } from '../mesh.js';
import { skewOf, skewRule } from './skew.js';

const CLASS = 'istio-waypoint';
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';

export function isWaypoint(gateway: KubeObject): boolean {
  return gateway.spec?.gatewayClassName === CLASS;
}

type Judged = { verdict: 'failed' | 'inconclusive'; message: string; tag?: string };

/**
 * Every Gateway of class istio-waypoint is programmed, and the Deployment that istiod made of it is rolled out at a
 * version that fits; every namespace that asks for a waypoint gets one. istiod renders waypoints again at its own
 * version, but an older istiod leaves alone what a newer one has rendered: after a rollback that shows here.
 */
export function waypoints(
  lists: Pick<Lists, 'gateways' | 'deployments' | 'namespaces'>,
  stage: 'before' | 'after',
  expected: string,
): CheckResult {
  const check = 'waypoints';
  return over(
    check,
    lists,
    ['gateways', 'deployments', 'namespaces'],
    ({ gateways, deployments, namespaces }) => {
      const found = gateways.filter(isWaypoint);
      const lost = namespaces.find((namespace) => {
        const asked = askedWaypoint(namespace);
        return asked !== undefined && !found.some((gateway) => nameOf(gateway) === asked);
      });
      if (lost)
        return checkResult(
          check,
          'failed',
          `namespace ${lost.metadata.name} asks for the waypoint ${askedWaypoint(lost)}, which is not there`,
        );
      const problems = found.flatMap((gateway) => {
        const problem = problemOf(gateway, deployments, stage, expected);
        return problem ? [{ gateway, ...problem }] : [];
      });
      const first = problems.find(({ verdict }) => verdict === 'failed') ?? problems[0];
      if (first)
        return checkResult(
          check,
          first.verdict,
          `waypoint ${nameOf(first.gateway)} ${first.message}`,
          problems.map(({ gateway, tag, message }) => ({
            label: nameOf(gateway),
            value: tag ?? message,
            limit: expected,
          })),
        );
      return checkResult(check, 'passed', `${found.length} waypoints programmed and rolled out`);
    },
  );
}

/** `namespace/name` of the waypoint that a namespace's label asks for. */
function askedWaypoint({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels?.['istio.io/use-waypoint'];
  if (name === undefined || name === '' || name.toLowerCase() === 'none') return undefined;
  return `${metadata.labels?.['istio.io/use-waypoint-namespace'] ?? metadata.name}/${name}`;
}

function problemOf(
  gateway: KubeObject,
  deployments: readonly KubeObject[],
  stage: 'before' | 'after',
  expected: string,
): Judged | undefined {
  const programmed = conditionOf(gateway, 'Programmed');
  if (programmed?.status !== 'True') {
    const why = `${programmed?.reason ?? 'nobody says so'} ${programmed?.message ?? ''}`.trim();
    return { verdict: 'failed', message: `is not programmed: ${why}` };
  }
  const { generation } = gateway.metadata;
  if ((programmed.observedGeneration ?? generation) !== generation)
    return { verdict: 'inconclusive', message: 'is not programmed at its newest generation yet' };
  const own = deployments.find(
    ({ metadata, spec }) =>
      metadata.namespace === gateway.metadata.namespace &&
      (metadata.labels?.[GATEWAY_NAME] ?? spec?.template?.metadata?.labels?.[GATEWAY_NAME]) ===
        gateway.metadata.name,
  );
  if (!own) return { verdict: 'failed', message: 'has no Deployment: istiod did not make one' };
  const { state, message } = rolloutState({ ...own, kind: 'Deployment' });
  if (state !== 'done') return { verdict: state === 'failed' ? 'failed' : 'inconclusive', message };
  const containers: { name: string; image?: string }[] = own.spec?.template?.spec?.containers ?? [];
  const image = containers.find(({ name }) => name === 'istio-proxy')?.image ?? '';
  const tag = imageTag(image);
  const skew = skewOf(tag, expected, stage);
  if (skew === 'wrong')
    return { verdict: 'failed', message: `runs ${tag}: ${skewRule(expected, stage)}`, tag };
  if (skew === 'unknown')
    return { verdict: 'inconclusive', message: `runs ${image || 'no image'}: no version to read` };
  return undefined;
}
