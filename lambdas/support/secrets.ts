import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createSecrets, type Secrets } from '../../lib/adapters/secrets.js';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import type { Runtime } from './runtime.js';

export function secrets(runtime: Runtime): Secrets {
  const client = sharedClient(SecretsManagerClient, runtime.config.aws.region);
  return runtime.once('secrets', () => createSecrets({ client, now: runtime.now }));
}
