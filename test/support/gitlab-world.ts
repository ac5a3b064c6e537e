import { memoryLog, type ReplayableLog } from '../../lib/simulation/command-log.js';
import type { GitlabFaults } from '../../lib/simulation/gitlab/faults.js';
import { type SimulatedGitlab, startGitlab } from '../../lib/simulation/gitlab/server.js';
import { type ManualClock, manualClock } from './manual-clock.js';

export const PROJECT = 'infra/k8s-clusters';
export const BOT = 'glpat-bot';
export const BOSS = 'glpat-boss';
const READER = 'glpat-reader';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever was answered
  readonly json: any;
}

export interface GitlabWorld {
  readonly gitlab: SimulatedGitlab;
  readonly clock: ManualClock;
  readonly log: ReplayableLog & { readonly all: readonly { kind: string; at: number }[] };
  /** Below /api/v4; `:p` stands for the encoded project. */
  api(method: string, path: string, body?: unknown, token?: string): Promise<Reply>;
  /** A branch with one commit that sets files, and its merge request. */
  propose(branch: string, files: Record<string, string>, more?: Record<string, unknown>): Promise<Reply>;
  main(): string;
  stop(): Promise<void>;
}

export const FILES = {
  'a/istiod.yaml': 'version: "1.29.4"\n',
  'a/base.yaml': 'version: "1.29.4"\n',
  'README.md': '# tree\n',
};

/** A simulated GitLab with one small project, a bot (developer), a boss (maintainer) and a reader. */
export async function gitlabWorld(
  faults: GitlabFaults = {},
  past: Parameters<typeof memoryLog>[0] = [],
  clock = manualClock(),
): Promise<GitlabWorld> {
  const log = memoryLog(past);
  const gitlab = await startGitlab({
    clock,
    commands: log,
    faults,
    tokens: {
      [BOT]: { username: 'guard-bot' },
      [BOSS]: { username: 'boss', role: 'maintainer' },
      [READER]: { username: 'reader', readOnly: true },
    },
  });
  gitlab.model.addProject(
    PROJECT,
    new Map(Object.entries(FILES)),
    'main',
    Date.parse('2026-06-01T08:00:00Z'),
  );
  for (const command of log.past) gitlab.replay(command);
  gitlab.goLive();

  async function api(method: string, path: string, body?: unknown, token = BOT): Promise<Reply> {
    const response = await fetch(`${gitlab.url}/api/v4${path.replace(':p', encodeURIComponent(PROJECT))}`, {
      method,
      headers: { 'private-token': token, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  }

  return {
    gitlab,
    clock,
    log,
    api,
    async propose(branch, files, more = {}) {
      const actions = Object.entries(files).map(([file_path, content]) => ({
        action: file_path in FILES ? 'update' : 'create',
        file_path,
        content,
      }));
      const made = await api('POST', '/projects/:p/repository/commits', {
        branch,
        start_branch: 'main',
        commit_message: `Change on ${branch}`,
        actions,
      });
      if (made.status !== 201) throw new Error(made.text);
      return api('POST', '/projects/:p/merge_requests', {
        source_branch: branch,
        target_branch: 'main',
        title: `Change ${branch}`,
        ...more,
      });
    },
    main: () => gitlab.model.git.heads(PROJECT, 'main').at(-1)!.sha,
    stop: () => gitlab.stop(),
  };
}
