import type { SoakMetric } from '../analysis/soak.js';
import type { DeclaredCheck } from '../config/checks-schema.js';
import type { Config } from '../config/schema.js';
import type { Cluster } from '../domain/cluster.js';
import type { CheckResult } from '../domain/evidence.js';
import type { Direction } from '../domain/rollout.js';
import type { Verdict } from '../domain/verdict.js';
import type { TargetGitops } from '../gitops/target.js';
import type { KubernetesApi } from '../ports/cluster-access.js';
import type { IstioFinding } from '../ports/istio-analyzer.js';
import type { RestartCounts } from './kubernetes/restarts.js';

/** What GUARD can upgrade: a folder of fixed file names, listed in targets/index.ts. */
export interface Target {
  readonly name: string;
  /** Datadog's own dashboard of what is compared: `istio` of `/dash/integration/istio`. */
  readonly dashboard: string;
  readonly gitops: TargetGitops;
  /** Every check of one cluster, all at once; never throws. */
  check(context: CheckContext): Promise<CheckResult[]>;
  /** Has Flux applied `version`, and does the control plane run it? */
  applied(context: StepContext): Promise<ClusterStep>;
  /** One step of the data plane's restart: restart the next wave, or look at the last one. */
  restart(context: StepContext): Promise<ClusterStep>;
  /** Metrics that are compared, for those of which the configuration has a query. */
  metrics(config: Config, thresholds: MetricLimits): SoakMetric[];
  /** Declared checks that come with it, besides those of guard.yaml; metrics with a query for each provider. */
  readonly checks?: readonly DeclaredCheck[];
}

export interface MetricLimits {
  readonly latency_increase_percent: number;
  readonly latency_gross_percent: number;
  readonly error_rate_max: number;
  readonly resource_increase_percent: number;
}

export interface StepContext {
  readonly api: KubernetesApi;
  readonly cluster: Cluster;
  /** The version that the cluster must run, and the one it comes from. */
  readonly version: string;
  readonly from: string;
  readonly direction: Direction;
  /** Epoch milliseconds: now, and when this rollout's change was merged. */
  readonly now: number;
  readonly changedAt: number;
}

export interface CheckContext {
  readonly api: KubernetesApi;
  readonly cluster: Cluster;
  readonly stage: 'before' | 'after';
  /** Running version that is expected at this stage, and the one that the rollout goes to. */
  readonly expected: string;
  readonly target: string;
  readonly now: number;
  readonly analyze: { readonly required: boolean; readonly run: () => Promise<IstioFinding[] | undefined> };
  /** Epoch milliseconds: when the change of this direction was merged; before it, when the rollout began. */
  readonly changedAt: number;
  /** What the check before the change kept. */
  readonly earlier?: KeptFacts;
  /** For the check after the change to compare with. */
  readonly keep?: (facts: KeptFacts) => void;
}

/** Of the check before the change: only findings that are new count after it, and restarts since then. */
export interface KeptFacts {
  readonly findings?: readonly IstioFinding[];
  readonly restarts?: RestartCounts;
}

/** `done` and `failed` are final; `waiting` is looked at again until the step's deadline. */
export interface ClusterStep {
  readonly state: 'done' | 'waiting' | 'failed' | 'errored';
  readonly message: string;
  readonly notes?: readonly string[];
}

/** The target's own and guard.yaml's; of two with one name guard.yaml's is the one. */
export function declaredChecksOf(
  { checks = [] }: Pick<Target, 'checks'>,
  config: Pick<Config, 'checks'>,
): DeclaredCheck[] {
  const named = new Set(config.checks.map(({ name }) => name));
  return [...checks.filter(({ name }) => !named.has(name)), ...config.checks];
}

export function stepVerdict(step: ClusterStep): Verdict {
  if (step.state === 'done') return 'passed';
  if (step.state === 'waiting') return 'inconclusive';
  return step.state;
}
