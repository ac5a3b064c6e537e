import { createGitHost } from '../../lib/adapters/gitlab/git-host.js';
import type { GitHost } from '../../lib/ports/git-host.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function git(runtime: Runtime): { git: GitHost } {
  const { gitlab, aws } = runtime.config;
  const name = aws.secrets_manager.gitlab_token_secret;
  return {
    git: runtime.once('git', () =>
      createGitHost({
        url: gitlab.url,
        token: () => secrets(runtime).value(name, 'token'),
        refreshToken: async () => {
          await secrets(runtime).refresh(name);
          return secrets(runtime).value(name, 'token');
        },
        rateLimit: runtime.rateLimit('gitlab_api'),
        now: runtime.now,
      }),
    ),
  };
}
