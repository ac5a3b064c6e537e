import { main } from '../../lib/cli/main.js';

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One command line in this process, as a shell would see it. The environment is the process's own. */
export async function guard(...args: string[]): Promise<CommandResult> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    color: false,
    env: { ...process.env, GITLAB_USER_LOGIN: 'tester' },
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
