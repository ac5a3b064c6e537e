import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createGitHost, type GitHostOptions } from '../../../lib/adapters/gitlab/git-host.js';
import { unpack } from '../../../lib/adapters/gitlab/snapshot.js';
import { ConflictError, RetryableError, TerminalError } from '../../../lib/domain/errors.js';
import { archive, type GitlabFake, PROJECT, startGitlabFake } from '../../support/gitlab-fake.js';

let gitlab: GitlabFake;
let waits: number[];
const NOW = Date.parse('2026-11-21T10:00:00Z');

beforeEach(async () => {
  waits = [];
  gitlab = await startGitlabFake({ 'a.yaml': 'a: 1\n', 'b/c.yml': '\ufeffb: ü\r\n', 'README.md': 'no' });
});
afterEach(() => gitlab.close());

function host(options: Partial<GitHostOptions> = {}) {
  const sleep = async (ms: number) => void waits.push(ms);
  return createGitHost({
    url: `${gitlab.url}/`,
    token: async () => 'good',
    retry: { sleep, random: () => 0.5 },
    now: () => NOW,
    ...options,
  });
}
const MR = /merge_requests\/1$/;
const read = (options?: Partial<GitHostOptions>) => host(options).mergeRequest(PROJECT, { iid: 1 });

describe('snapshot', () => {
  it('holds every YAML file of a branch’s commit, byte for byte', async () => {
    const tree = await host().snapshot(PROJECT, 'main');
    expect(tree.sha).toBe(gitlab.branches.get('main'));
    expect([...tree.files]).toEqual([
      ['a.yaml', 'a: 1\n'],
      ['b/c.yml', '\ufeffb: ü\r\n'],
    ]);
  });

  it('fetches a commit once, also for callers at the same time', async () => {
    const git = host();
    const sha = gitlab.branches.get('main')!;
    const [one, two] = await Promise.all([git.snapshot(PROJECT, 'main'), git.snapshot(PROJECT, sha)]);
    expect(two).toBe(one);
    expect(await git.snapshot(PROJECT, sha)).toBe(one);
    expect(gitlab.requests.filter((r) => r.path.endsWith('archive.tar.gz'))).toHaveLength(1);
  });

  it('follows a branch that moves and forgets the oldest trees', async () => {
    const git = host({ cacheSize: 1 });
    const first = (await git.snapshot(PROJECT, 'main')).sha;
    gitlab.push('main', { 'a.yaml': 'a: 2\n' });
    expect((await git.snapshot(PROJECT, 'main')).files.get('a.yaml')).toBe('a: 2\n');
    await git.snapshot(PROJECT, first);
    expect(gitlab.requests.filter((r) => r.path.endsWith('archive.tar.gz'))).toHaveLength(3);
  });

  it('does not keep a failure', async () => {
    const git = host();
    gitlab.next('GET', /archive/, { status: 403, json: { message: '403 Forbidden' } });
    await expect(git.snapshot(PROJECT, 'main')).rejects.toBeInstanceOf(TerminalError);
    expect((await git.snapshot(PROJECT, 'main')).files.size).toBe(2);
  });

  it('never takes a cut-off archive for a smaller tree', async () => {
    const whole = await archive(
      new Map([
        ['a.yaml', 'x'.repeat(5000)],
        ['b.yaml', Math.random().toString().repeat(500)],
      ]),
      's',
    );
    for (const size of [0, 10, Math.floor(whole.length / 2), whole.length - 9])
      await expect(unpack(whole.subarray(0, size), 'p@s')).rejects.toBeInstanceOf(RetryableError);
    expect((await unpack(whole, 'p@s')).size).toBe(2);
  });

  it('leaves out what is not UTF-8, because it could not be written back as it was', async () => {
    const files = new Map<string, string | Buffer>([
      ['latin.yaml', Buffer.from([0x61, 0xe4])],
      ['a.yaml', 'a'],
    ]);
    expect([...(await unpack(await archive(files, 's'), 'p@s')).keys()]).toEqual(['a.yaml']);
  });

  it('reads kustomization files by each of their names, and nothing that no generator reads', async () => {
    const files = new Map<string, string | Buffer>([
      ['a/Kustomization', 'resources: []'],
      ['a/kustomization.yml', 'resources: []'],
      ['a/NotKustomization', 'x'],
      ['a/versions.env', 'V=1'],
      ['a/chart.tgz', 'x'],
      ['a/script.sh', 'x'],
    ]);
    expect([...(await unpack(await archive(files, 's'), 'p@s')).keys()]).toEqual([
      'a/Kustomization',
      'a/kustomization.yml',
      'a/versions.env',
    ]);
  });

  it('bounds the tree and what it unpacks to', async () => {
    const packed = await archive(new Map([['a.yaml', 'x'.repeat(100_000)]]), 's');
    await expect(unpack(packed, 'p@s', { maxBytes: 10_000 })).rejects.toThrow(/too large/);
    await expect(unpack(packed, 'p@s', { maxUnpackedBytes: 10_000 })).rejects.toThrow(/too large/);
  });
});

describe('calls to GitLab', () => {
  it('waits as long as a 429 asks, with its absolute reset time', async () => {
    gitlab.next('GET', MR, {
      status: 429,
      headers: { 'RateLimit-Reset': String(NOW / 1000 + 7) },
      text: 'Retry later',
    });
    expect(await read()).toBeUndefined();
    expect(waits[0]).toBeGreaterThanOrEqual(7000);
    expect(waits[0]).toBeLessThan(8000);
  });

  it('backs off on a 429 without any header and with plain text', async () => {
    gitlab.next('GET', MR, { status: 429, text: 'Retry later' }, { status: 429, text: 'Retry later' });
    expect(await read()).toBeUndefined();
    expect(waits).toEqual([100, 200]);
  });

  it('gives up after its attempts with a retryable error that says what GitLab said', async () => {
    gitlab.next('GET', MR, ...Array(4).fill({ status: 503, text: '<html>Bad</html>' }));
    const failure = await read().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RetryableError);
    expect(String(failure)).toMatch(/GET projects\/infra\/k8s\/merge_requests\/1: 503 an HTML page/);
    expect(gitlab.requests).toHaveLength(4);
  });

  it('does not repeat a POST that failed with 5xx or got lost, and repeats one that was throttled', async () => {
    gitlab.mergeRequests.push({
      iid: 1,
      title: 't',
      description: '',
      state: 'opened',
      source_branch: 's',
      target_branch: 'main',
      labels: [],
      assignee_ids: [],
      reviewer_ids: [],
      merge_commit_sha: null,
      squash_commit_sha: null,
    });
    const posts = () => gitlab.requests.filter((r) => r.method === 'POST').length;
    for (const reply of [{ status: 502, text: '' }, { reset: true }]) {
      gitlab.next('POST', /notes$/, reply);
      await expect(host().note(PROJECT, 1, '<!-- m -->', 'x')).rejects.toBeInstanceOf(RetryableError);
    }
    expect(posts()).toBe(2);
    gitlab.next('POST', /notes$/, { status: 429, text: 'Retry later' });
    await host().note(PROJECT, 1, '<!-- m -->', 'x');
    expect(posts()).toBe(4);
    expect(gitlab.notes).toHaveLength(1);
  });

  it('reads the secret again, once, when the token was rotated', async () => {
    const refreshToken = jest.fn(async () => 'good');
    expect(await read({ token: async () => 'old', refreshToken })).toBeUndefined();
    expect(refreshToken).toHaveBeenCalledTimes(1);
    expect(gitlab.requests.map((r) => r.headers['private-token'])).toEqual(['old', 'good']);
  });

  it('says what to do when the token stays wrong, and never shows it', async () => {
    const failure = (await read({
      token: async () => 'hunter2-secret',
      refreshToken: async () => 'hunter3-secret',
    }).catch((e) => e)) as Error;
    expect(failure).toBeInstanceOf(TerminalError);
    expect(failure.message).toMatch(/401 .*gitlab_token_secret/);
    expect(JSON.stringify([failure.message, failure])).not.toMatch(/hunter/);
    expect(gitlab.requests).toHaveLength(2);
  });

  it.each([
    [403, TerminalError, /role Developer/],
    [404, TerminalError, /may not see it/],
    [409, ConflictError, /a; b/],
    [422, TerminalError, /422/],
    [302, TerminalError, /has moved/],
  ])('translates %i', async (status, kind, text) => {
    gitlab.next('GET', MR, {
      status,
      headers: { location: '/x' },
      json: { message: status === 404 ? '404 Project Not Found' : ['a', { b: [] }] },
    });
    const failure = await read().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(String(failure)).toMatch(status === 409 ? /a; b/ : text);
    expect(waits).toEqual([]);
  });

  it('times out on an answer that never comes', async () => {
    gitlab.next('GET', MR, { hang: true });
    await expect(read({ timeoutMs: 30, retry: { attempts: 1 } })).rejects.toThrow(/no whole answer within/);
  });

  it('takes its turn at the rate limit for every attempt', async () => {
    const take = jest.fn(async () => {});
    gitlab.next('GET', MR, { status: 500, text: '' });
    await read({ rateLimit: { take } });
    expect(take).toHaveBeenCalledTimes(2);
  });

  it('refuses an answer of an unknown shape instead of guessing', async () => {
    gitlab.next('GET', MR, { json: { iid: 'one' } });
    await expect(read()).rejects.toThrow(/unknown shape: .*iid/);
    gitlab.next('GET', MR, { text: 'Hello' });
    await expect(read()).rejects.toThrow(/not whole JSON/);
  });
});
