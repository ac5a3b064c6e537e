import type { Outcome } from '../../domain/rollout.js';
import type { Verdict } from '../../domain/verdict.js';

/** One rollout of the demo, as `--json` prints it. */
export interface RolloutReport {
  readonly batch: string;
  readonly target: string;
  readonly to: string;
  readonly outcome: Outcome;
  readonly verdict: Verdict | null;
  readonly reason?: string;
  readonly clusters: readonly {
    cluster_id: string;
    from: string | null;
    version: string | null;
    status: string;
    verdict: Verdict | null;
  }[];
  readonly mergeRequests: readonly {
    iid: number;
    kind: 'upgrade' | 'rollback';
    state: string;
    commits: number;
    url: string;
  }[];
  /** State transitions that AWS would bill, over all executions of the rollout. */
  readonly transitions: number;
  /** Events in the execution's history. */
  readonly events: number;
  readonly simulatedSeconds: number;
}

export interface DemoReport {
  readonly rollouts: readonly RolloutReport[];
  readonly wallSeconds: number;
}

export function demoReport(rollouts: readonly RolloutReport[], wallSeconds: number): DemoReport {
  return { rollouts, wallSeconds: Number(wallSeconds.toFixed(2)) };
}
