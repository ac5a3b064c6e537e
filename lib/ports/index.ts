import type { Config } from '../config/schema.js';
import type { ClusterAccess } from './cluster-access.js';
import type { EventBus } from './events.js';
import type { Executions } from './executions.js';
import type { GitHost } from './git-host.js';
import type { IstioAnalyzer } from './istio-analyzer.js';
import type { Journal } from './journal.js';
import type { Log } from './log.js';
import type { MetricsProvider } from './metrics.js';
import type { Notifier } from './notifier.js';
import type { Registry } from './registry.js';

/** Everything that a phase may use of the outside. A handler fills in only what its phase names. */
export interface Ports {
  readonly config: Config;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly git: GitHost;
  readonly clusters: ClusterAccess;
  readonly metrics: MetricsProvider;
  readonly analyzer: IstioAnalyzer;
  readonly events: EventBus;
  readonly executions: Executions;
  readonly notifier: Notifier;
}
