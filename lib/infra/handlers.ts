/** What a handler may reach; the names of its imports from lambdas/support/ say the same (a test compares them). */
export type Need =
  | 'registry-read'
  | 'registry-change'
  | 'journal'
  | 'journal-remove'
  | 'git'
  | 'clusters'
  | 'metrics'
  | 'analyzer'
  | 'events'
  | 'own-metrics'
  | 'notifier'
  | 'webhook-secrets'
  | 'executions-describe'
  | 'executions-resume'
  | 'executions-start';

export interface HandlerSettings {
  /** Memory also sets the share of a CPU: 1,769 MB are one. */
  readonly memoryMb: number;
  /** At most the TimeoutSeconds of its states, so that a retry never meets the attempt before it. */
  readonly timeoutSeconds: number;
  /** Why that memory and time. */
  readonly reason: string;
  readonly needs: readonly Need[];
  /** Most of them at once, where an outside API (or the handler itself) must be protected. */
  readonly concurrency?: { readonly most: number; readonly reason: string };
}

/** Every handler of lambdas/ by its name in the state machine. */
export const HANDLERS: Readonly<Record<string, HandlerSettings>> = {
  Plan: {
    memoryMb: 1024,
    timeoutSeconds: 300,
    reason: 'unpacks the whole GitOps tree and plans the change in it',
    needs: ['registry-change', 'journal', 'journal-remove', 'git', 'executions-describe', 'own-metrics'],
  },
  CheckCluster: {
    memoryMb: 1769,
    timeoutSeconds: 600,
    reason: 'lists every pod and workload of big clusters: JSON of tens of MB, parsed on a full CPU',
    needs: ['registry-read', 'journal', 'clusters', 'analyzer', 'own-metrics'],
  },
  Measure: {
    memoryMb: 1024,
    timeoutSeconds: 600,
    reason: 'six hours of points for every metric and cluster of a batch in memory',
    needs: ['registry-change', 'journal', 'metrics', 'own-metrics'],
    concurrency: {
      most: 5,
      reason:
        'Datadog limits queries per organisation, a Prometheus has one memory, and people query them too',
    },
  },
  Decide: {
    memoryMb: 512,
    timeoutSeconds: 120,
    reason: 'reads verdicts from the journal',
    needs: ['registry-change', 'journal', 'own-metrics'],
  },
  OpenMergeRequest: {
    memoryMb: 1024,
    timeoutSeconds: 600,
    reason: 'unpacks the GitOps tree, edits it and resolves every cluster twice',
    needs: ['registry-change', 'journal', 'git'],
  },
  AwaitMerge: {
    memoryMb: 512,
    timeoutSeconds: 60,
    reason: 'keeps a token and asks GitLab one question',
    needs: ['journal', 'git', 'events', 'executions-resume'],
  },
  JudgeMerge: {
    memoryMb: 1024,
    timeoutSeconds: 600,
    reason: 'unpacks the landed GitOps tree and resolves every cluster',
    needs: ['registry-change', 'journal', 'git'],
  },
  WatchFlux: {
    memoryMb: 1024,
    timeoutSeconds: 600,
    reason: 'reads Flux objects and the control plane of every cluster of the batch',
    needs: ['registry-read', 'journal', 'clusters'],
  },
  RestartDataPlane: {
    memoryMb: 1769,
    timeoutSeconds: 900,
    reason: 'lists all workloads and pods of every cluster of the batch; one step restarts a wave in each',
    needs: ['registry-read', 'journal', 'clusters'],
  },
  AnalyzeFailure: {
    memoryMb: 512,
    timeoutSeconds: 300,
    reason: 'reads evidence from the journal',
    needs: ['journal'],
  },
  Announce: {
    memoryMb: 512,
    timeoutSeconds: 120,
    reason: 'one note in GitLab, one event',
    needs: ['journal', 'git', 'events', 'own-metrics'],
  },
  Settle: {
    memoryMb: 512,
    timeoutSeconds: 300,
    reason: 'writes every cluster of the batch',
    needs: ['registry-change', 'journal', 'journal-remove', 'git', 'events', 'own-metrics'],
  },
  Resume: {
    memoryMb: 512,
    timeoutSeconds: 60,
    reason: 'asks GitLab one question and resumes an execution',
    needs: ['journal', 'git', 'executions-resume', 'executions-start'],
    concurrency: { most: 5, reason: "a storm of webhooks must not use up GitLab's limit for everybody" },
  },
  Sweep: {
    memoryMb: 1024,
    timeoutSeconds: 240,
    reason: 'looks at every open rollout; done before the next one begins, five minutes later',
    needs: [
      'registry-change',
      'journal',
      'journal-remove',
      'git',
      'events',
      'executions-describe',
      'executions-resume',
      'own-metrics',
    ],
    concurrency: { most: 1, reason: 'two sweeps would only get in the way of each other' },
  },
  GitlabWebhook: {
    memoryMb: 1024,
    timeoutSeconds: 10,
    reason: 'GitLab gives up after 10 s; more than half a CPU, so that the answer comes within 300 ms',
    needs: ['journal', 'events', 'webhook-secrets'],
    concurrency: { most: 20, reason: 'strangers can call it: a flood must not starve the other functions' },
  },
  Notify: {
    memoryMb: 512,
    timeoutSeconds: 60,
    reason: 'three small requests to chat and pager',
    needs: ['notifier'],
    concurrency: { most: 5, reason: 'chat limits messages per second and channel' },
  },
};
