import { Command } from 'commander';
import type { Io } from '../../lib/cli/io.js';
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

export interface Said {
  /** One for each call of `io.out`. */
  readonly out: string[];
  readonly err: string[];
  readonly code: number;
}

/** A program that has only the commands which `register` adds: what it says, line by line. */
export async function runCommand(
  register: (program: Command, io: Io) => void,
  args: readonly string[],
  { cwd = '/nowhere', env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Said> {
  const said = { out: [] as string[], err: [] as string[], code: 0 };
  const program = new Command('guard').option('--config <file>').exitOverride();
  register(program, {
    out: (text) => said.out.push(text),
    err: (text) => said.err.push(text),
    exit: (code) => {
      said.code = Math.max(said.code, code);
    },
    color: false,
    cwd,
    env,
  });
  await program.parseAsync([...args], { from: 'user' });
  return said;
}
