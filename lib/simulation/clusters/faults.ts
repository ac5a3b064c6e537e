/** Minutes of simulated time since the world began; without them a fault holds always. */
export interface Span {
  readonly after?: number;
  readonly until?: number;
}

/**
 * When a fault depends on the version that runs: a prefix of it (`1.30`). Without one it holds for every version
 * but the one that the cluster had in the beginning, which is what "after the upgrade" means.
 */
export interface ByVersion {
  readonly version?: string;
}

export type MetricName =
  | 'requests'
  | 'error_rate'
  | 'latency_p95'
  | 'latency_p99'
  | 'proxy_cpu'
  | 'proxy_memory'
  | 'xds_push_errors'
  | 'xds_rejects'
  | 'convergence_time';

/** What is wrong with one simulated cluster. */
export interface ClusterFaults {
  /** `v1.33.4`; default: the registry's `metadata.kubernetes_version`, or one that fits recent Istio versions. */
  readonly kubernetesVersion?: string;
  /** Default: as Istio decides, from Istio 1.27 on with Kubernetes 1.33. */
  readonly nativeSidecars?: boolean;
  /** The namespace `search` is in ambient mode: ztunnel, istio-cni and a waypoint instead of sidecars. */
  readonly ambient?: boolean;
  /** Connections to the API are dropped. */
  readonly unreachable?: boolean | Span;
  /** STS refuses to hand out the cluster's role. */
  readonly roleRefused?: boolean;
  /** The account's role demands this ExternalId. */
  readonly externalId?: string;
  /** Every API request is answered with this status: 401, 403, 429, 500, 503. */
  readonly status?: number | ({ readonly code: number } & Span);
  /** What GUARD's group lacks here of what `guard validate --cluster-rbac` prints: `patch deployments.apps`. */
  readonly withheld?: readonly string[];
  readonly nodeNotReady?: boolean | Span;
  readonly flux?: readonly ({
    readonly kind: 'GitRepository' | 'Kustomization' | 'HelmRelease';
    readonly name: string;
    readonly state: 'stalled' | 'suspended' | 'failed';
    readonly reason?: string;
    readonly message?: string;
  } & Span)[];
  /** How Helm's upgrade of a release ends; `rolled-back` by Flux itself. By name of the HelmRelease or its chart. */
  readonly helm?: readonly ({
    readonly release: string;
    readonly outcome: 'rolled-back' | 'failed' | 'stalled';
  } & ByVersion)[];
  /** One proxy never acknowledges its configuration. */
  readonly proxyNotInSync?: boolean | ByVersion;
  /** istiod ends again and again. */
  readonly istiodCrash?: boolean | ByVersion;
  /** Factor of time that pods take to become ready. */
  readonly slowRollout?: number;
  /** Name of a workload (or `istiod`) whose new pods never become ready. */
  readonly stuckRollout?: string | readonly string[];
  readonly regressions?: readonly ({
    readonly metric: MetricName;
    /** The value is multiplied, then the constant added. */
    readonly factor?: number;
    readonly add?: number;
    /** Which plane must run the version; the data plane's effect grows with the share of its proxies. */
    readonly plane?: 'data' | 'control';
    /** `web-1`: one pod's alone. */
    readonly pod?: string;
  } & ByVersion)[];
  readonly alerts?: readonly ({
    readonly name: string;
    /** Datadog's word; default `Alert`. */
    readonly state?: string;
    /** A downtime covers it: no notification, the state stays. */
    readonly muted?: boolean;
    readonly version?: string;
  } & Span)[];
  readonly webhookExpired?: boolean | Span;
  /** The webhook's service has no ready endpoint. */
  readonly webhookNoEndpoint?: boolean | Span;
  /** Full names, `virtualservices.networking.istio.io`. */
  readonly crdMissing?: readonly string[];
  /** A pod of an application runs an image without a fixed tag. */
  readonly latestImage?: boolean;
  /** A container of `shop/cart` has restarted this often when the world begins. */
  readonly restarts?: number;
  /** Containers of this workload restart so often once their pod has a proxy of the version. */
  readonly restartsAfter?: { readonly workload: string; readonly count: number } & ByVersion;
}

/** Of every cluster's API server. */
export interface KubernetesFaults {
  /** Real milliseconds on top of the scenario's. */
  readonly latencyMs?: number;
  /** Every n-th request is answered 429 with `Retry-After: 1`. */
  readonly throttleEvery?: number;
  /** Every n-th request is answered 500. */
  readonly errorEvery?: number;
  /** The server never gives more than this many items a page. */
  readonly pageLimit?: number;
  /** What GUARD's group may do besides what `guard validate --cluster-rbac` prints: `get daemonsets.apps in logging`. */
  readonly alsoAllowed?: readonly string[];
  /** The n-th continue token, and only it, is answered 410 Expired. */
  readonly expireContinue?: number;
}

export function within(span: boolean | Span | undefined, minutes: number): boolean {
  if (span === undefined || typeof span === 'boolean') return span === true;
  return minutes >= (span.after ?? Number.NEGATIVE_INFINITY) && minutes < (span.until ?? Infinity);
}

/** Whether a fault that depends on the version holds for `running`. */
export function holdsFor(fault: boolean | ByVersion | undefined, running: string, first: string): boolean {
  if (fault === undefined || typeof fault === 'boolean') return fault === true;
  return fault.version === undefined ? running !== first : running.startsWith(fault.version);
}
