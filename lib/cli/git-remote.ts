import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { now } from '../adapters/clock.js';
import { createGitHost } from '../adapters/gitlab/git-host.js';
import { createSecrets } from '../adapters/secrets.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { createRateLimit } from '../adapters/shared/rate-limit.js';
import type { Config } from '../config/schema.js';
import type { GitHost } from '../ports/git-host.js';
import type { Registry } from '../ports/registry.js';
import type { Io } from './io.js';
import { connectRegistry, readConfig } from './remote.js';

/** For commands that read Git and start nothing. */
export interface GitRemote {
  readonly config: Config;
  readonly registry: Pick<Registry, 'all'>;
  readonly git: Pick<GitHost, 'snapshot'>;
}

/** GitLab with the token that the handlers use, from Secrets Manager. @throws UsageError without a configuration */
export function connectGit(io: Io, options: { config?: string }): GitRemote {
  const config = readConfig(io, options.config);
  const client = new SecretsManagerClient(awsClientOptions({ region: config.aws.region }));
  const secrets = createSecrets({ client, now });
  const name = config.aws.secrets_manager.gitlab_token_secret;
  const git = createGitHost({
    url: config.gitlab.url,
    token: () => secrets.value(name, 'token'),
    refreshToken: async () => {
      await secrets.refresh(name);
      return secrets.value(name, 'token');
    },
    rateLimit: createRateLimit({ perMinute: config.rate_limits.gitlab_api }),
    now,
  });
  return { config, registry: connectRegistry(io, options), git };
}
