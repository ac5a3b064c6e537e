import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { createSecrets } from '../../lib/adapters/secrets.js';
import { redactText } from '../../lib/adapters/shared/redact.js';
import { RetryableError, TerminalError } from '../../lib/domain/errors.js';

const manager = mockClient(SecretsManagerClient);
let at = 0;
let secrets = make();

function make() {
  return createSecrets({ client: new SecretsManagerClient({ region: 'us-east-1' }), now: () => at });
}
const named = (name: string, httpStatusCode = 400) =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });

beforeEach(() => {
  manager.reset();
  at = 1_000_000;
  secrets = make();
});

describe('secrets', () => {
  it('are plain text or JSON fields', async () => {
    manager.on(GetSecretValueCommand, { SecretId: 'plain' }).resolves({ SecretString: 'the-token\n' });
    manager
      .on(GetSecretValueCommand, { SecretId: 'json' })
      .resolves({ SecretString: '{"api_key":"the-key","n":1}' });
    manager
      .on(GetSecretValueCommand, { SecretId: 'binary' })
      .resolves({ SecretBinary: new TextEncoder().encode('bytes-token') });
    expect(await secrets.get('plain')).toEqual({ text: 'the-token', fields: {} });
    expect((await secrets.get('json')).fields).toEqual({ api_key: 'the-key' });
    expect(await secrets.value('plain', 'token')).toBe('the-token');
    expect(await secrets.value('json', 'key', 'api_key')).toBe('the-key');
    expect(await secrets.value('binary')).toBe('bytes-token');
    await expect(secrets.value('json', 'token')).rejects.toThrow(
      "Secret 'json' has no field token; it has api_key",
    );
  });

  it('are read once in five minutes, also when many ask at once, and at once after a 401', async () => {
    manager.on(GetSecretValueCommand).callsFake(() => ({ SecretString: `value-${manager.calls().length}` }));
    const first = await Promise.all(Array.from({ length: 5 }, () => secrets.get('a')));
    expect(first.map(({ text }) => text)).toEqual(Array(5).fill('value-1'));
    at += 5 * 60_000 - 1;
    expect((await secrets.get('a')).text).toBe('value-1');
    expect((await secrets.refresh('a')).text).toBe('value-2');
    expect((await secrets.get('a')).text).toBe('value-2');
    at += 5 * 60_000;
    expect((await secrets.get('a')).text).toBe('value-3');
  });

  it('never show in a log after they were read', async () => {
    manager.on(GetSecretValueCommand).resolves({ SecretString: '{"password":"hunter-twenty"}' });
    await secrets.get('a');
    expect(redactText('login with hunter-twenty failed')).toBe('login with [redacted] failed');
  });

  it('that are missing or empty are named, and asked for again the next time', async () => {
    manager
      .on(GetSecretValueCommand)
      .rejectsOnce(named('ResourceNotFoundException'))
      .resolvesOnce({ SecretString: ' ' });
    await expect(secrets.get('guard/gitlab-token')).rejects.toThrow(
      /Secret 'guard\/gitlab-token' does not exist/,
    );
    await expect(secrets.get('guard/gitlab-token')).rejects.toThrow(/is empty/);
    manager.on(GetSecretValueCommand).resolves({ SecretString: 'now-there' });
    expect((await secrets.get('guard/gitlab-token')).text).toBe('now-there');
  });

  it('that may not be read are terminal, and a throttle is not', async () => {
    manager.on(GetSecretValueCommand).rejects(named('AccessDeniedException'));
    await expect(secrets.get('a')).rejects.toBeInstanceOf(TerminalError);
    manager.on(GetSecretValueCommand).rejects(named('ThrottlingException'));
    await expect(secrets.get('a')).rejects.toBeInstanceOf(RetryableError);
  });
});
