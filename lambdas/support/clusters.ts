import { createClusterAccess } from '../../lib/adapters/eks/cluster-access.js';
import type { ClusterAccess } from '../../lib/ports/cluster-access.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function clusters(runtime: Runtime): { clusters: ClusterAccess } {
  const { external_id_secret: externalId } = runtime.config.aws;
  return {
    clusters: runtime.once('clusters', () =>
      createClusterAccess({
        rateLimit: runtime.rateLimit('aws_api'),
        ...(externalId ? { externalId: () => secrets(runtime).get(externalId) } : {}),
      }),
    ),
  };
}
