import type { KubeObject } from '../../ports/cluster-access.js';
import { hexadecimal } from './random.js';
import type { ObjectStore } from './store.js';

/** What Helm is asked to install. */
export interface Release {
  readonly name: string;
  readonly namespace: string;
  /** `istiod` */
  readonly chart: string;
  readonly version: string;
  // biome-ignore lint/suspicious/noExplicitAny: a chart's values
  readonly values: any;
  /** The HelmRelease that asks for it; none for what was there before Flux. */
  readonly origin?: { readonly name: string; readonly namespace: string };
}

/** An entry of a HelmRelease's history: what Helm's storage holds of one revision. */
export interface Snapshot {
  readonly name: string;
  readonly namespace: string;
  readonly version: number;
  readonly status: string;
  readonly chartName: string;
  readonly chartVersion: string;
  readonly appVersion: string;
  readonly configDigest: string;
  readonly digest: string;
  readonly firstDeployed: string;
  readonly lastDeployed: string;
}

/** The release that a HelmRelease asks for; `undefined` when no version of its chart fits. */
export function releaseOf(object: KubeObject, store: ObjectStore): Release | undefined {
  const { chart, chartRef, values = {}, releaseName, targetNamespace } = object.spec;
  const namespace = targetNamespace ?? object.metadata.namespace;
  const name =
    releaseName ?? (targetNamespace ? `${targetNamespace}-${object.metadata.name}` : object.metadata.name);
  const origin = { name: object.metadata.name, namespace: String(object.metadata.namespace) };
  if (chartRef !== undefined) {
    const at = chartRef.namespace ?? object.metadata.namespace;
    const source = store.get('OCIRepository', at, chartRef.name)?.object;
    const chartName = String(source?.spec.url ?? chartRef.name)
      .split('/')
      .pop()!;
    const version = exact(source?.spec.ref?.tag ?? source?.spec.ref?.semver);
    return version === undefined ? undefined : { name, namespace, chart: chartName, version, values, origin };
  }
  const chartName = String(chart?.spec?.chart ?? '')
    .split('/')
    .pop()!;
  const version = exact(chart?.spec?.version);
  return version === undefined ? undefined : { name, namespace, chart: chartName, version, values, origin };
}

/** An entry of `status.history`, after `last`. */
export function snapshotOf(
  now: string,
  release: Release,
  last: Snapshot | undefined,
  status: string,
): Snapshot {
  return {
    name: release.name,
    namespace: release.namespace,
    version: (last?.version ?? 0) + 1,
    status,
    chartName: release.chart,
    chartVersion: release.version,
    appVersion: release.version,
    configDigest: digestOf(release.values),
    digest: `sha256:${hexadecimal(64, release.name, release.version, (last?.version ?? 0) + 1)}`,
    firstDeployed: last?.firstDeployed ?? now,
    lastDeployed: now,
  };
}

/**
 * The version that a chart reference resolves to: an exact one is itself; a range is its lowest number, missing
 * parts zero, as if nothing newer had been published; nothing at all is some release.
 */
function exact(text: unknown): string | undefined {
  if (text === undefined || text === null || text === '' || text === '*') return '1.0.0';
  const [, major, minor, patch] = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(String(text)) ?? [];
  if (major === undefined) return undefined;
  if (/^v?\d+\.\d+\.\d+([-+][\w.+-]+)?$/.test(String(text))) return String(text);
  return `${major}.${minor ?? 0}.${patch ?? 0}`;
}

/** A forced reconciliation was asked for that has not been carried out. */
export function isForced(object: KubeObject): boolean {
  const annotations = object.metadata.annotations ?? {};
  const token = annotations['reconcile.fluxcd.io/forceAt'];
  return (
    token !== undefined &&
    token === annotations['reconcile.fluxcd.io/requestedAt'] &&
    token !== object.status?.lastHandledForceAt
  );
}

/** What was deployed is superseded by the next one. */
export function superseded(entry: Snapshot): Snapshot {
  return entry.status === 'deployed' ? { ...entry, status: 'superseded' } : entry;
}

export function digestOf(values: unknown): string {
  return `sha256:${hexadecimal(64, JSON.stringify(values ?? {}))}`;
}
