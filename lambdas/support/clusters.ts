import { STSClient } from '@aws-sdk/client-sts';
import { createClusterAccess, type EksClusterAccess } from '../../lib/adapters/eks/cluster-access.js';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function clusters(runtime: Runtime): { clusters: EksClusterAccess } {
  const { external_id_secret: externalId, region } = runtime.config.aws;
  return {
    clusters: runtime.once('clusters', () =>
      createClusterAccess({
        sts: sharedClient(STSClient, region),
        now: runtime.now,
        limit: runtime.rateLimit('aws_api'),
        ...(externalId ? { externalId: () => secrets(runtime).value(externalId, 'external_id') } : {}),
      }),
    ),
  };
}
