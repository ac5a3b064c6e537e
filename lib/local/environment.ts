import { devNull } from 'node:os';

/**
 * Points every AWS SDK client of this process at the embedded engine, and at nothing else: whatever AWS settings
 * the user's shell has (profiles, sessions, endpoints of single services) are put aside, so that a rehearsal
 * cannot reach a real account. Returns the way back.
 */
export function useEnvironment(
  endpoint: string,
  region: string,
  own: Readonly<Record<string, string>>,
): () => void {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_')) delete process.env[name];
  }
  Object.assign(process.env, localAws(endpoint, region), own);
  const set = Object.keys({ ...localAws(endpoint, region), ...own });
  return () => {
    for (const name of set) delete process.env[name];
    for (const [name, value] of Object.entries(before)) {
      if (name.startsWith('AWS_') || set.includes(name)) process.env[name] = value;
    }
  };
}

/** What a shell needs for the AWS CLI or an SDK to talk to the engine. */
export function localAws(endpoint: string, region: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'guardlocal',
    AWS_SECRET_ACCESS_KEY: 'guardlocal',
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}
