import { createIstioAnalyzer } from '../../lib/adapters/istioctl.js';
import type { IstioAnalyzer } from '../../lib/ports/istio-analyzer.js';
import { clusters } from './clusters.js';
import type { Runtime } from './runtime.js';

export function analyzer(runtime: Runtime): { analyzer: IstioAnalyzer } {
  return {
    analyzer: runtime.once('analyzer', () =>
      createIstioAnalyzer({
        path: runtime.config.istio.istioctl_path,
        kubeconfig: (cluster) => clusters(runtime).clusters.kubeconfig(cluster),
      }),
    ),
  };
}
