import { X509Certificate } from 'node:crypto';
import { type CheckResult, checkResult } from '../../domain/evidence.js';
import type { KubeObject } from '../../ports/cluster-access.js';
import { conditionOf, type Lists, nameOf, over, some } from './collect.js';
import { fluxState, releaseAt } from './flux.js';

/** Checks that any target needs. Pure: what was read in, a result out. */

export function nodesReady(lists: Pick<Lists, 'nodes'>): CheckResult {
  return over('nodes', lists, ['nodes'], ({ nodes }) => {
    if (nodes.length === 0) return checkResult('nodes', 'errored', 'the cluster shows no nodes');
    const bad = nodes.filter((node) => conditionOf(node, 'Ready')?.status !== 'True');
    const names = bad.map((node) => node.metadata.name);
    if (bad.length > 0)
      return checkResult('nodes', 'failed', `not ready: ${some(names)}`, [
        { label: 'not ready', value: bad.length, limit: 0 },
      ]);
    const cordoned = nodes.filter((node) => node.spec?.unschedulable === true).length;
    if (cordoned === nodes.length)
      return checkResult('nodes', 'failed', 'every node is cordoned: restarted pods could not be scheduled');
    return checkResult(
      'nodes',
      'passed',
      `${nodes.length} nodes ready${cordoned > 0 ? `, ${cordoned} cordoned` : ''}`,
    );
  });
}

/** Every Kustomization, HelmRelease and GitRepository that is not suspended is Ready at its generation. */
export function fluxReady(
  lists: Pick<Lists, 'kustomizations' | 'helmReleases' | 'gitRepositories'>,
): CheckResult {
  return over('flux', lists, ['kustomizations', 'helmReleases', 'gitRepositories'], (items) => {
    const objects = [...items.gitRepositories, ...items.kustomizations, ...items.helmReleases];
    if (items.gitRepositories.length === 0 || items.kustomizations.length === 0) {
      return checkResult(
        'flux',
        'errored',
        'no Flux GitRepository or Kustomization is served by the cluster',
      );
    }
    const states = objects.map((object) => ({ object, ...fluxState(object) }));
    const failed = states.filter(({ state }) => state === 'failed');
    const first = failed[0];
    if (first) {
      return checkResult(
        'flux',
        'failed',
        `${kindOf(first.object)} ${nameOf(first.object)} ${first.message}`,
        [{ label: 'failed', value: failed.length, limit: 0 }],
      );
    }
    const open = states.filter(({ state }) => state === 'progressing');
    if (open.length > 0) {
      return checkResult(
        'flux',
        'inconclusive',
        `${open.length} objects are not settled, first: ${kindOf(open[0]!.object)} ${nameOf(open[0]!.object)}: ${open[0]!.message}`,
      );
    }
    const suspended = states.filter(({ state }) => state === 'suspended');
    const note =
      suspended.length > 0 ? `; suspended: ${some(suspended.map(({ object }) => nameOf(object)))}` : '';
    return checkResult('flux', 'passed', `${objects.length} objects ready${note}`);
  });
}

function kindOf(object: KubeObject): string {
  return object.kind ?? 'object';
}

/** What Helm deployed agrees with what is expected; a release that Flux rolled back does not. */
export function releasesAt(
  lists: Pick<Lists, 'helmReleases'>,
  expected: string,
  title: string,
  belongs: (release: KubeObject) => boolean,
): CheckResult {
  const check = 'releases';
  return over(check, lists, ['helmReleases'], ({ helmReleases }) => {
    const releases = helmReleases.filter(belongs);
    if (releases.length === 0)
      return checkResult(check, 'errored', `no HelmRelease of ${title} is in the cluster`);
    const states = releases.map((release) => ({ name: nameOf(release), ...releaseAt(release, expected) }));
    const bad = states.filter(({ state }) => state !== 'ready');
    const first = bad[0];
    if (first) {
      return checkResult(
        check,
        first.state === 'failed' ? 'failed' : 'inconclusive',
        `${first.name} ${first.message}`,
        [{ label: 'not at the version', value: some(bad.map(({ name }) => name)), limit: expected }],
      );
    }
    return checkResult(
      check,
      'passed',
      `${some(
        states.map(({ name }) => name),
        6,
      )} at ${expected}`,
    );
  });
}

/**
 * The webhook configurations of a target: there, each with a service that has a ready endpoint and a CA that has
 * not expired.
 */
export function webhooksAlive(
  lists: Pick<Lists, 'validatingWebhooks' | 'mutatingWebhooks' | 'endpointSlices'>,
  belongs: (configuration: KubeObject) => boolean,
  now: number,
): CheckResult {
  return over('webhooks', lists, ['validatingWebhooks', 'mutatingWebhooks', 'endpointSlices'], (items) => {
    const validating = items.validatingWebhooks.filter(belongs);
    const mutating = items.mutatingWebhooks.filter(belongs);
    if (validating.length === 0)
      return checkResult('webhooks', 'failed', 'no validating webhook configuration');
    if (mutating.length === 0) return checkResult('webhooks', 'failed', 'no mutating webhook configuration');
    for (const configuration of [...validating, ...mutating]) {
      for (const webhook of configuration.webhooks ?? []) {
        const problem = webhookProblem(webhook, items.endpointSlices, now);
        if (problem) return checkResult('webhooks', 'failed', `${configuration.metadata.name}: ${problem}`);
      }
    }
    return checkResult(
      'webhooks',
      'passed',
      `${validating.length + mutating.length} configurations, endpoints ready`,
    );
  });
}

/** The CAs of a target's webhooks, where it has any; their service is one of its workloads, which has a check of its own. */
export function webhooksTrusted(
  lists: Pick<Lists, 'validatingWebhooks' | 'mutatingWebhooks'>,
  belongs: (configuration: KubeObject) => boolean,
  now: number,
): CheckResult {
  return over('webhooks', lists, ['validatingWebhooks', 'mutatingWebhooks'], (items) => {
    const own = [...items.validatingWebhooks, ...items.mutatingWebhooks].filter(belongs);
    for (const configuration of own) {
      for (const webhook of configuration.webhooks ?? []) {
        const problem = caProblem(webhook, now);
        if (problem) return checkResult('webhooks', 'failed', `${configuration.metadata.name}: ${problem}`);
      }
    }
    return checkResult('webhooks', 'passed', `${own.length} configurations, no CA has expired`);
  });
}

interface Webhook {
  readonly name?: string;
  readonly clientConfig?: {
    readonly caBundle?: string;
    readonly service?: { readonly name: string; readonly namespace: string };
  };
}

function caProblem({ name, clientConfig }: Webhook, now: number): string | undefined {
  if (!clientConfig?.caBundle) return `${name} has no CA bundle`;
  const ends = certificateEnds(clientConfig.caBundle);
  if (ends.length === 0) return `the CA bundle of ${name} holds no certificate`;
  const expired = ends.find((end) => end <= now);
  return expired === undefined
    ? undefined
    : `the CA of ${name} expired at ${new Date(expired).toISOString()}`;
}

function webhookProblem(webhook: Webhook, slices: readonly KubeObject[], now: number): string | undefined {
  const untrusted = caProblem(webhook, now);
  const { service } = webhook.clientConfig ?? {};
  if (untrusted || !service) return untrusted;
  const ready = slices
    .filter(
      (slice) =>
        slice.metadata.namespace === service.namespace &&
        slice.metadata.labels?.['kubernetes.io/service-name'] === service.name,
    )
    .flatMap((slice) => (slice.endpoints ?? []) as { conditions?: { ready?: boolean } }[])
    .filter((endpoint) => endpoint.conditions?.ready !== false);
  return ready.length === 0
    ? `service ${service.namespace}/${service.name} of ${webhook.name} has no ready endpoint`
    : undefined;
}

/** A cluster's webhooks share their CA, and a check is repeated: each bundle is parsed once in a process. */
const endsOfBundles = new Map<string, readonly number[]>();
const BUNDLES_KEPT = 500;

/** Epoch milliseconds at which each certificate of a base64 bundle ends. */
function certificateEnds(caBundle: string): readonly number[] {
  const known = endsOfBundles.get(caBundle);
  if (known) return known;
  const pems =
    Buffer.from(caBundle, 'base64')
      .toString('utf8')
      .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const found = pems.map((pem) => Date.parse(new X509Certificate(pem).validTo));
  if (endsOfBundles.size >= BUNDLES_KEPT) endsOfBundles.clear();
  endsOfBundles.set(caBundle, found);
  return found;
}

/** Custom resource definitions that must be there, each established and with every stored version served. */
export function crdsServed(lists: Pick<Lists, 'crds'>, required: readonly string[]): CheckResult {
  return over('crds', lists, ['crds'], ({ crds }) => {
    const missing = required.filter((name) => !crds.some((crd) => crd.metadata.name === name));
    if (missing.length > 0)
      return checkResult('crds', 'failed', `missing: ${some(missing)}`, [
        { label: 'missing', value: missing.length, limit: 0 },
      ]);
    for (const crd of crds.filter(({ metadata }) => required.includes(metadata.name))) {
      if (conditionOf(crd, 'Established')?.status !== 'True')
        return checkResult('crds', 'failed', `${crd.metadata.name} is not established`);
      const versions: { name: string; served?: boolean }[] = crd.spec?.versions ?? [];
      const stored: string[] = crd.status?.storedVersions ?? [];
      const lost = stored.filter(
        (version) => !versions.some(({ name, served }) => name === version && served !== false),
      );
      if (lost.length > 0)
        return checkResult(
          'crds',
          'failed',
          `${crd.metadata.name} has objects stored as ${lost.join(', ')}, which is not served`,
        );
    }
    return checkResult('crds', 'passed', `${required.length} present`);
  });
}
