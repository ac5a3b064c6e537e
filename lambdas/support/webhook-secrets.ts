import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

/** JSON {token?, signing_token?}, or the token itself as plain text. */
export async function webhookSecrets(runtime: Runtime): Promise<{ token?: string; signingToken?: string }> {
  const { text, fields } = await secrets(runtime).get(
    runtime.config.aws.secrets_manager.gitlab_webhook_secret,
  );
  if (Object.keys(fields).length === 0) return { token: text };
  return {
    ...(fields.token ? { token: fields.token } : {}),
    ...(fields.signing_token ? { signingToken: fields.signing_token } : {}),
  };
}
