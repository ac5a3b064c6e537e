import { TerminalError } from '../../lib/domain/errors.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

/** JSON {token?, signing_token?}, or the token itself as plain text. */
export async function webhookSecrets(runtime: Runtime): Promise<{ token?: string; signingToken?: string }> {
  const name = runtime.config.aws.secrets_manager.gitlab_webhook_secret;
  const text = await secrets(runtime).get(name);
  if (!text.trimStart().startsWith('{')) return { token: text };
  let parsed: { token?: unknown; signing_token?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new TerminalError(`secret '${name}' is neither a token nor JSON with token and signing_token`);
  }
  return {
    ...(typeof parsed.token === 'string' ? { token: parsed.token } : {}),
    ...(typeof parsed.signing_token === 'string' ? { signingToken: parsed.signing_token } : {}),
  };
}
