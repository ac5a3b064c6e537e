import type { TargetGitops } from '../../gitops/target.js';
import { configured, serviceMetrics } from '../kubernetes/service-metrics.js';
import type { Target } from '../target.js';
import { chartApplied } from './applied.js';
import { checkChart } from './check.js';

/**
 * An add-on that is one Helm chart: nothing has to be restarted after it, and what is compared is what the
 * cluster's users see.
 */
export function chart(gitops: TargetGitops): Target {
  return {
    name: gitops.name,
    dashboard: 'kubernetes',
    gitops,
    check: (context) => checkChart(context, gitops),
    applied: (context) => chartApplied(context, gitops),
    restart: async () => ({ state: 'done', message: 'nothing depends on its version' }),
    metrics: (config, limits) => configured(serviceMetrics(limits), config),
  };
}
