import { Gitlab } from '@gitbeaker/rest';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createGitHost } from '../../../lib/adapters/gitlab/git-host.js';
import { unpack } from '../../../lib/adapters/gitlab/snapshot.js';
import { BOSS, BOT, FILES, type GitlabWorld, gitlabWorld, PROJECT } from '../../support/gitlab-world.js';

let world: GitlabWorld;
beforeEach(async () => {
  world = await gitlabWorld({ landedShaDelaySeconds: 0 });
});
afterEach(() => world.stop());

const file = (text: string) => ({ 'a/istiod.yaml': text });

describe('with @gitbeaker/rest', () => {
  it('goes from a commit to a merged request whose files are on main', async () => {
    const bot = new Gitlab({ host: world.gitlab.url, token: BOT });
    const boss = new Gitlab({ host: world.gitlab.url, token: BOSS });
    const shown = await bot.RepositoryFiles.show(PROJECT, 'a/istiod.yaml', 'main');
    expect(Buffer.from(shown.content, 'base64').toString()).toBe(FILES['a/istiod.yaml']);
    const actions = [
      {
        action: 'update' as const,
        filePath: 'a/istiod.yaml',
        content: 'version: "1.30.2"\n',
        lastCommitId: shown.last_commit_id,
      },
    ];
    const commit = await bot.Commits.create(PROJECT, 'up', 'Upgrade', actions, { startBranch: 'main' });
    const opened = await bot.MergeRequests.create(PROJECT, 'up', 'main', 'Draft: Upgrade', {
      description: 'Text',
      labels: ['guard', 'istio'],
      assigneeIds: [2],
    } as never);
    expect(opened).toMatchObject({ iid: 1, draft: true, sha: commit.id, labels: ['guard', 'istio'] });
    await boss.MergeRequests.edit(PROJECT, 1, { title: 'Upgrade' });
    const merged = await boss.MergeRequests.merge(PROJECT, 1, { sha: commit.id });
    expect(merged).toMatchObject({
      state: 'merged',
      merge_commit_sha: world.main(),
      squash_commit_sha: null,
    });
    expect(world.gitlab.model.git.files(world.main()).get('a/istiod.yaml')).toBe('version: "1.30.2"\n');
    expect(await bot.MergeRequests.allCommits(PROJECT, 1)).toHaveLength(1);
  });

  it('follows Link from page to page until there is none', async () => {
    const bot = new Gitlab({ host: world.gitlab.url, token: BOT });
    for (let index = 0; index < 5; index += 1) await bot.Branches.create(PROJECT, `b${index}`, 'main');
    const all = await bot.Branches.all(PROJECT, { perPage: 2 });
    expect(all.map(({ name }) => name)).toEqual(['b0', 'b1', 'b2', 'b3', 'b4', 'main']);
    expect(world.gitlab.requests.get('GET /projects/:id/repository/branches')).toBe(3);
  });
});

it('serves GUARD’s own Git port: snapshot, proposal, and the landed commit', async () => {
  const host = createGitHost({ url: world.gitlab.url, token: async () => BOT, now: () => world.clock.now() });
  const base = await host.snapshot(PROJECT, 'main');
  expect(base.files.get('a/istiod.yaml')).toBe(FILES['a/istiod.yaml']);
  const proposal = {
    branch: 'guard/istio/1.30.2/test/1',
    targetBranch: 'main',
    base: base.sha,
    commits: [
      {
        message: 'istio: 1.30.2',
        files: [{ path: 'a/istiod.yaml', content: 'version: "1.30.2"\n', before: FILES['a/istiod.yaml'] }],
      },
    ],
    title: 'istio 1.30.2',
    description: 'why',
    draft: true,
    labels: ['guard'],
    assignees: ['@boss'],
    reviewers: ['@nobody-at-all'],
  };
  const first = await host.propose(PROJECT, proposal);
  const second = await host.propose(PROJECT, proposal);
  expect(first).toMatchObject({ iid: 1, draft: true, commits: 1 });
  expect(first.warnings).toHaveLength(1);
  expect(second.iid).toBe(1);
  world.gitlab.act({ what: 'ready-and-merge', project: PROJECT, iid: 1, username: 'boss' });
  expect(await host.mergeRequest(PROJECT, { iid: 1 })).toMatchObject({
    state: 'merged',
    landedSha: world.main(),
    mergedBy: 'boss',
  });
});

describe('the repository', () => {
  it('is packed below one folder', async () => {
    const response = await fetch(
      `${world.gitlab.url}/api/v4/projects/1/repository/archive.tar.gz?sha=${world.main()}`,
      { headers: { authorization: `Bearer ${BOT}` } },
    );
    const files = await unpack(Buffer.from(await response.arrayBuffer()), 'test');
    expect([...files.keys()].sort()).toEqual(['a/base.yaml', 'a/istiod.yaml']);
  });

  it('answers 404 for an archive of a commit that there is not', async () => {
    const missing = await world.api('GET', `/projects/:p/repository/archive.tar.gz?sha=${'0'.repeat(40)}`);
    expect([missing.status, missing.json.message]).toEqual([404, '404 File Not Found']);
  });

  it('is listed as a tree, by pages and by keyset', async () => {
    const all = await world.api('GET', '/projects/:p/repository/tree?recursive=true&ref=main');
    expect(all.json.map(({ path }: { path: string }) => path)).toEqual([
      'a',
      'README.md',
      'a/base.yaml',
      'a/istiod.yaml',
    ]);
    const top = await world.api('GET', '/projects/:p/repository/tree');
    expect(top.json.map(({ type, path }: Record<string, string>) => `${type} ${path}`)).toEqual([
      'tree a',
      'blob README.md',
    ]);
    const first = await world.api(
      'GET',
      '/projects/:p/repository/tree?recursive=true&pagination=keyset&per_page=3',
    );
    const next = /<(.+?)>; rel="next"/.exec(first.headers.get('link') ?? '')![1]!;
    const rest = await (await fetch(next, { headers: { 'private-token': BOT } })).json();
    expect(rest).toHaveLength(1);
  });

  it('tells a file’s last commit, not the head, and in headers too', async () => {
    const initial = world.main();
    await world.clock.advance(1000);
    await world.api('POST', '/projects/:p/repository/commits', commitOn('main', 'a/base.yaml', 'x\n'), BOSS);
    const shown = await world.api('GET', '/projects/:p/repository/files/a%2Fistiod%2Eyaml?ref=main');
    expect(shown.json).toMatchObject({ last_commit_id: initial, commit_id: world.main() });
    const head = await world.api('HEAD', '/projects/:p/repository/files/a%2Fistiod.yaml?ref=main');
    expect(head.headers.get('x-gitlab-last-commit-id')).toBe(initial);
    expect(head.text).toBe('');
    const raw = await world.api('GET', '/projects/:p/repository/files/a%2Fbase.yaml/raw?ref=main');
    expect(raw.text).toBe('x\n');
    const blob = await world.api('GET', `/projects/:p/repository/blobs/${shown.json.blob_id}/raw`);
    expect(blob.text).toBe(FILES['a/istiod.yaml']);
  });

  it('lists the commits of a path since a time, and compares with three dots', async () => {
    await world.clock.advance(60_000);
    const since = new Date(world.clock.now()).toISOString();
    const made = await world.api(
      'POST',
      '/projects/:p/repository/commits',
      commitOn('main', 'a/base.yaml', 'x\n'),
      BOSS,
    );
    const commits = await world.api(
      'GET',
      `/projects/:p/repository/commits?path=a/base.yaml&ref_name=main&since=${since}`,
    );
    expect(commits.json.map(({ id }: { id: string }) => id)).toEqual([made.json.id]);
    await world.propose('up', file('new\n'));
    await world.api('POST', '/projects/:p/repository/commits', commitOn('main', 'a/base.yaml', 'y\n'), BOSS);
    const compared = await world.api('GET', '/projects/:p/repository/compare?from=main&to=up');
    expect(compared.json.diffs.map(({ new_path }: { new_path: string }) => new_path)).toEqual([
      'a/istiod.yaml',
    ]);
    expect(compared.json.commits).toHaveLength(1);
    const diff = await world.api('GET', `/projects/:p/repository/commits/${made.json.id}/diff`);
    expect(diff.json[0].diff).toContain('+x');
  });
});

describe('who may do what', () => {
  it('answers 401 without a known token and 404 for an unknown project', async () => {
    expect((await world.api('GET', '/projects/:p', undefined, 'wrong')).status).toBe(401);
    const unknown = await world.api('GET', '/projects/no%2Fsuch');
    expect([unknown.status, unknown.json.message]).toEqual([404, '404 Project Not Found']);
  });

  it('refuses a read-only token every write with 403, and carries nothing out', async () => {
    const refused = await world.api(
      'POST',
      '/projects/:p/repository/branches',
      { branch: 'b', ref: 'main' },
      'glpat-reader',
    );
    expect(refused.status).toBe(403);
    expect(world.log.all).toEqual([]);
    expect((await world.api('GET', '/projects/:p/repository/branches/b')).status).toBe(404);
  });

  it('lets a developer neither push to nor merge into the protected branch', async () => {
    const push = await world.api(
      'POST',
      '/projects/:p/repository/commits',
      commitOn('main', 'a/base.yaml', 'x\n'),
    );
    expect(push.status).toBe(403);
    await world.propose('up', file('new\n'));
    expect((await world.api('PUT', '/projects/:p/merge_requests/1/merge', {})).status).toBe(401);
  });
});

it('wraps every request in busy, and counts it by route', async () => {
  const before = world.clock.busyCalls;
  await world.api('GET', '/users?username=BOSS');
  await world.api('GET', '/users?username=no-one');
  expect(world.clock.busyCalls).toBe(before + 2);
  expect(world.gitlab.requests.get('GET /users')).toBe(2);
  expect(world.gitlab.requests.recent.at(-1)).toMatchObject({
    route: '/users',
    status: 200,
    username: 'guard-bot',
  });
});

function commitOn(branch: string, path: string, content: string) {
  return { branch, commit_message: 'c', actions: [{ action: 'update', file_path: path, content }] };
}
