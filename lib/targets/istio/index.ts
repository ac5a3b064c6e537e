import type { Target } from '../target.js';
import { istioApplied } from './applied.js';
import { checkIstio } from './check.js';
import { istioGitops } from './gitops.js';
import { istioMetrics } from './metrics.js';
import { restartIstio } from './restart.js';

export const istio: Target = {
  name: 'istio',
  dashboard: 'istio',
  gitops: istioGitops,
  check: checkIstio,
  applied: istioApplied,
  restart: restartIstio,
  metrics: istioMetrics,
};
