import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createGitHost, type GitHostOptions } from '../../../lib/adapters/gitlab/git-host.js';
import { ConflictError, RefusedError, TerminalError } from '../../../lib/domain/errors.js';
import type { Proposal } from '../../../lib/ports/git-host.js';
import { type GitlabFake, PROJECT, startGitlabFake } from '../../support/gitlab-fake.js';

const BRANCH = 'guard/upgrade/istio/1.30.2/wave/1';
const A = 'clusters/a/istio.yaml';
const B = 'clusters/b/istio.yaml';
let gitlab: GitlabFake;

beforeEach(async () => {
  gitlab = await startGitlabFake({
    [A]: 'version: 1.29.1\n',
    [B]: 'version: 1.29.1 # b\r\n',
    'README.md': 'hello',
  });
  gitlab.users.push(
    { id: 11, username: 'alice', state: 'active' },
    { id: 12, username: 'bob', state: 'blocked' },
  );
});
afterEach(() => gitlab.close());

function host(options: Partial<GitHostOptions> = {}) {
  return createGitHost({
    url: gitlab.url,
    token: async () => 'good',
    retry: { sleep: async () => {} },
    ...options,
  });
}
function proposal(change: Partial<Proposal> = {}): Proposal {
  return {
    branch: BRANCH,
    targetBranch: 'main',
    base: gitlab.branches.get('main')!,
    commits: [
      { message: 'CRDs', files: [{ path: 'crds/istio.yaml', content: 'crds: 1.30.2\n', before: undefined }] },
      {
        message: 'Control plane',
        files: [
          { path: A, content: 'version: 1.30.2\n', before: 'version: 1.29.1\n' },
          { path: 'crds/istio.yaml', content: 'crds: 1.30.2 # final\n', before: undefined },
        ],
      },
    ],
    title: 'Istio upgrade',
    description: 'Text',
    draft: true,
    labels: ['guard', 'istio'],
    assignees: ['@alice'],
    reviewers: [],
    ...change,
  };
}
const posts = () =>
  gitlab.requests
    .filter((request) => request.method !== 'GET')
    .map((r) => `${r.method} ${r.path.split('/').slice(5).join('/')}`);
const headFile = (path: string) => gitlab.commits.get(gitlab.branches.get(BRANCH)!)!.files.get(path);

describe('propose', () => {
  it('creates branch, commits in order and one draft merge request', async () => {
    const mr = await host().propose(PROJECT, proposal());
    expect(mr).toMatchObject({
      iid: 7,
      title: 'Istio upgrade',
      draft: true,
      state: 'opened',
      branch: BRANCH,
      labels: ['guard', 'istio'],
      commits: 2,
      warnings: [],
      sha: gitlab.branches.get(BRANCH),
    });
    expect(gitlab.mergeRequests[0]).toMatchObject({ title: 'Draft: Istio upgrade', assignee_ids: [11] });
    expect(headFile(A)).toBe('version: 1.30.2\n');
    expect(headFile('crds/istio.yaml')).toBe('crds: 1.30.2 # final\n');
    expect(headFile(B)).toBe('version: 1.29.1 # b\r\n');
  });

  it('names the start only in the first commit, and each file’s last commit in every update', async () => {
    await host().propose(PROJECT, proposal());
    const [first, second] = gitlab.requests
      .filter((r) => r.method === 'POST' && r.path.endsWith('/commits'))
      .map((r) => r.json());
    expect(first).toMatchObject({ branch: BRANCH, start_sha: gitlab.branches.get('main') });
    expect(first).not.toHaveProperty('force');
    expect(first.actions).toEqual([
      { action: 'create', file_path: 'crds/istio.yaml', content: 'crds: 1.30.2\n' },
    ]);
    expect(second).not.toHaveProperty('start_sha');
    expect(second.actions).toEqual([
      {
        action: 'update',
        file_path: A,
        content: 'version: 1.30.2\n',
        last_commit_id: gitlab.branches.get('main'),
      },
      expect.objectContaining({
        action: 'update',
        file_path: 'crds/istio.yaml',
        last_commit_id: expect.any(String),
      }),
    ]);
  });

  it('changes nothing when it runs again', async () => {
    const first = await host().propose(PROJECT, proposal());
    const before = posts().length;
    expect(await host().propose(PROJECT, proposal())).toEqual(first);
    expect(posts()).toHaveLength(before);
  });

  it('finishes what an earlier run left half done', async () => {
    gitlab.next('POST', /merge_requests$/, { status: 500, text: 'boom' });
    await expect(host().propose(PROJECT, proposal())).rejects.toMatchObject({ retryable: true });
    expect((await host().propose(PROJECT, proposal())).commits).toBe(2);
    expect(gitlab.mergeRequests).toHaveLength(1);
  });

  it('renews a branch that has only the first of its commits', async () => {
    const half = proposal();
    await expect(
      host().propose(PROJECT, {
        ...half,
        commits: [
          half.commits[0]!,
          { message: 'x', files: [{ path: 'absent.yaml', content: undefined, before: 'x' }] },
        ],
      }),
    ).rejects.toBeInstanceOf(ConflictError);
    expect(gitlab.branches.has(BRANCH)).toBe(false);
    await host().propose(PROJECT, { ...half, commits: [half.commits[0]!] });
    const mr = await host().propose(PROJECT, half);
    expect(mr.commits).toBe(2);
    expect(gitlab.mergeRequests).toHaveLength(1);
  });

  it('renews the branch on a base that moved in the same file', async () => {
    await host().propose(PROJECT, proposal());
    const base = gitlab.push('main', { [A]: 'version: 1.29.1 # note\n' });
    const [crds] = proposal().commits;
    const moved = proposal({
      base,
      commits: [
        crds!,
        {
          message: 'Control plane',
          files: [{ path: A, content: 'version: 1.30.2 # note\n', before: 'version: 1.29.1 # note\n' }],
        },
      ],
    });
    expect((await host().propose(PROJECT, moved)).commits).toBe(2);
    expect(headFile(A)).toBe('version: 1.30.2 # note\n');
  });

  it('never writes over somebody else’s commit', async () => {
    await host().propose(PROJECT, proposal());
    const theirs = gitlab.push(BRANCH, { [B]: 'mine\n' });
    const again = host().propose(PROJECT, proposal());
    await expect(again).rejects.toBeInstanceOf(RefusedError);
    await expect(again).rejects.toThrow(/mallory/);
    expect(gitlab.branches.get(BRANCH)).toBe(theirs);
  });

  it('refuses somebody’s commit even when it undoes itself or copies our trailer', async () => {
    await host().propose(PROJECT, proposal());
    const head = gitlab.branches.get(BRANCH)!;
    const ours = gitlab.commits.get(head)!;
    const id = gitlab.push(BRANCH, { [B]: 'x' });
    gitlab.commits.set(id, { ...gitlab.commits.get(id)!, message: ours.message });
    await expect(host().propose(PROJECT, proposal())).rejects.toBeInstanceOf(RefusedError);
  });

  it('reports a file that changed since it was read, before it writes anything', async () => {
    gitlab.push('main', { [A]: 'version: 9\n' });
    await expect(host().propose(PROJECT, proposal())).rejects.toBeInstanceOf(ConflictError);
    expect(posts()).toEqual([]);
  });

  it('reports GitLab’s 400 for a stale file as a conflict', async () => {
    gitlab.next('POST', /commits$/, {
      status: 400,
      json: { message: `The file ${A} has changed since you started editing it` },
    });
    await expect(host().propose(PROJECT, proposal())).rejects.toBeInstanceOf(ConflictError);
  });

  it('takes the open request that a 409 with an array for its message tells about', async () => {
    await host().propose(PROJECT, proposal());
    const list = gitlab.requests.find((r) => r.method === 'GET' && r.path.endsWith('/merge_requests'));
    expect(list?.query.get('state')).toBe('all');
    // The first list of the second run is old and does not show the request yet.
    gitlab.next('GET', /\/merge_requests$/, { json: [] });
    expect((await host().propose(PROJECT, proposal())).iid).toBe(7);
    expect(gitlab.mergeRequests).toHaveLength(1);
  });

  it('returns a request that was merged in the meantime instead of opening a second', async () => {
    await host().propose(PROJECT, proposal());
    const landedSha = gitlab.push('main', { 'x.yaml': 'merged' });
    Object.assign(gitlab.mergeRequests[0]!, { state: 'merged', merge_commit_sha: landedSha });
    const mr = await host().propose(PROJECT, proposal());
    expect(mr).toMatchObject({ iid: 7, state: 'merged', landedSha });
    expect(gitlab.mergeRequests).toHaveLength(1);
  });

  it('opens a new request after the first was closed', async () => {
    await host().propose(PROJECT, proposal());
    gitlab.mergeRequests[0]!.state = 'closed';
    expect((await host().propose(PROJECT, proposal())).iid).toBe(8);
  });

  it('renews text and labels, and keeps what people did: ready, own labels, another assignee', async () => {
    await host().propose(PROJECT, proposal());
    const mr = gitlab.mergeRequests[0]!;
    Object.assign(mr, { title: 'Istio upgrade', labels: ['guard', 'mine'], assignee_ids: [99] });
    const again = await host().propose(PROJECT, proposal({ title: 'Istio upgrade 2', description: 'New' }));
    expect(again).toMatchObject({ title: 'Istio upgrade 2', description: 'New', draft: false });
    expect(mr).toMatchObject({ labels: ['guard', 'mine', 'istio'], assignee_ids: [99] });
  });

  it('makes it a draft again when new commits came', async () => {
    await host().propose(PROJECT, proposal());
    gitlab.mergeRequests[0]!.title = 'Istio upgrade';
    const again = await host().propose(PROJECT, proposal({ commits: [proposal().commits[0]!] }));
    expect(again).toMatchObject({ draft: true, commits: 1 });
  });

  it('warns of handles that are groups, unknown or blocked, and goes on', async () => {
    const mr = await host().propose(
      PROJECT,
      proposal({ assignees: ['@platform/team', 'alice'], reviewers: ['@nobody', '@bob'] }),
    );
    expect(gitlab.mergeRequests[0]).toMatchObject({ assignee_ids: [11], reviewer_ids: [] });
    expect(mr.warnings).toEqual([
      'assignee @platform/team is a group: name a person',
      'reviewer @nobody is unknown to GitLab (a group, or misspelt)',
      'reviewer @bob is blocked',
    ]);
  });

  it('warns when GitLab keeps fewer people than it was given', async () => {
    gitlab.users.push({ id: 13, username: 'carol', state: 'active' });
    await host().propose(PROJECT, proposal({ assignees: [] }));
    gitlab.mergeRequests[0]!.state = 'closed';
    const shown = {
      ...gitlab.mergeRequests[0]!,
      iid: 7,
      web_url: 'u',
      state: 'opened',
      assignees: [{ id: 11 }],
    };
    gitlab.next('POST', /merge_requests$/, { status: 201, json: shown });
    const mr = await host().propose(PROJECT, proposal({ assignees: ['@alice', '@carol'] }));
    expect(mr.warnings).toEqual([expect.stringContaining('fewer assignees')]);
  });

  it('cuts a description that GitLab would refuse, and disarms commands in it', async () => {
    const mr = await host().propose(PROJECT, proposal({ description: `/merge\n${'x\n'.repeat(600_000)}` }));
    expect(mr.description.length).toBeLessThanOrEqual(1_000_000);
    expect(mr.description.startsWith('\\/merge')).toBe(true);
    expect(mr.description).toContain('guard status');
    expect(mr.warnings).toEqual([expect.stringContaining('was cut')]);
  });

  it('deletes files and keeps their last commit in the request', async () => {
    await host().propose(
      PROJECT,
      proposal({
        commits: [{ message: 'x', files: [{ path: A, content: undefined, before: 'version: 1.29.1\n' }] }],
      }),
    );
    expect(headFile(A)).toBeUndefined();
    expect(
      (
        await host().propose(
          PROJECT,
          proposal({
            commits: [
              { message: 'x', files: [{ path: A, content: undefined, before: 'version: 1.29.1\n' }] },
            ],
          }),
        )
      ).commits,
    ).toBe(1);
    expect(posts().filter((one) => one.endsWith('commits'))).toHaveLength(1);
  });
});

describe('mergeRequest', () => {
  it('is undefined when there is none, and an error when the project cannot be seen', async () => {
    expect(await host().mergeRequest(PROJECT, { branch: BRANCH })).toBeUndefined();
    expect(await host().mergeRequest(PROJECT, { iid: 99 })).toBeUndefined();
    await expect(host().mergeRequest('other/project', { iid: 1 })).rejects.toBeInstanceOf(TerminalError);
  });

  it.each([
    ['merge commit', (sha: string) => ({ merge_commit_sha: sha, squash_commit_sha: 'b'.repeat(40) })],
    ['squash and fast-forward', (sha: string) => ({ squash_commit_sha: sha })],
  ])('finds the landed commit of a %s, and the branch just before it', async (_, fields) => {
    await host().propose(PROJECT, proposal());
    const landedOn = gitlab.push('main', { 'x.yaml': 'somebody else was faster' });
    const landedSha = gitlab.push('main', { 'y.yaml': 'merged' });
    gitlab.push('main', { 'z.yaml': 'somebody else, later' });
    Object.assign(gitlab.mergeRequests[0]!, {
      state: 'merged',
      ...fields(landedSha),
      merged_at: '2026-11-21T10:00:00Z',
      merge_user: { username: 'al' },
    });
    expect(await host().mergeRequest(PROJECT, { branch: BRANCH })).toMatchObject({
      state: 'merged',
      landedSha,
      landedOn,
      mergedBy: 'al',
    });
  });

  it('takes the head of a fast-forward merge only once the target branch has it, and what was before all of it', async () => {
    const landedOn = gitlab.branches.get('main')!;
    const two = [A, B].map((path) => ({
      message: `change ${path}`,
      files: [{ path, before: gitlab.commits.get(landedOn)!.files.get(path), content: 'x: 1\n' }],
    }));
    await host().propose(PROJECT, { ...proposal(), commits: two });
    gitlab.mergeRequests[0]!.state = 'merged';
    expect((await host().mergeRequest(PROJECT, { iid: 7 }))?.landedSha).toBeUndefined();
    const landedSha = gitlab.branches.get(BRANCH)!;
    gitlab.branches.set('main', landedSha);
    expect(await host().mergeRequest(PROJECT, { iid: 7 })).toMatchObject({ commits: 2, landedSha, landedOn });
  });

  it('does not guess what was before when GitLab shows no parent', async () => {
    await host().propose(PROJECT, proposal());
    const landedSha = gitlab.push('main', { 'y.yaml': 'merged' });
    Object.assign(gitlab.mergeRequests[0]!, { state: 'merged', merge_commit_sha: landedSha });
    gitlab.next('GET', new RegExp(`commits/${landedSha}`), { json: { id: landedSha, parent_ids: [] } });
    await expect(host().mergeRequest(PROJECT, { iid: 7 })).rejects.toThrow(/names no parent/);
  });

  it('has no landed commit while it is open', async () => {
    await host().propose(PROJECT, proposal());
    gitlab.mergeRequests[0]!.merge_commit_sha = 'a'.repeat(40);
    expect((await host().mergeRequest(PROJECT, { iid: 7 }))?.landedSha).toBeUndefined();
  });

  it('refuses a state that it does not know', async () => {
    await host().propose(PROJECT, proposal());
    gitlab.mergeRequests[0]!.state = 'pondering';
    await expect(host().mergeRequest(PROJECT, { iid: 7 })).rejects.toThrow(/unknown state/);
  });
});

describe('update, note and history', () => {
  it('writes only what differs; a draft is the title’s prefix', async () => {
    const git = host();
    await git.propose(PROJECT, proposal());
    expect(await git.update(PROJECT, 7, { draft: false })).toMatchObject({
      draft: false,
      title: 'Istio upgrade',
    });
    expect(gitlab.requests.findLast((r) => r.method === 'PUT')?.json()).toEqual({ title: 'Istio upgrade' });
    const before = posts().length;
    await git.update(PROJECT, 7, { draft: false, addLabels: ['guard'], description: 'Text' });
    expect(posts()).toHaveLength(before);
    expect(
      await git.update(PROJECT, 7, { draft: true, addLabels: ['ROLLBACK'], state: 'closed' }),
    ).toMatchObject({
      draft: true,
      state: 'closed',
      labels: ['guard', 'istio', 'ROLLBACK'],
    });
  });

  it.each(['[Draft] Istio upgrade', '(draft) Istio upgrade', 'draft: Istio upgrade'])(
    'knows %s as a draft',
    async (title) => {
      const git = host();
      await git.propose(PROJECT, proposal());
      gitlab.mergeRequests[0]!.title = title;
      const before = posts().length;
      expect(await git.update(PROJECT, 7, { draft: true })).toMatchObject({
        draft: true,
        title: 'Istio upgrade',
      });
      expect(posts()).toHaveLength(before);
      await git.update(PROJECT, 7, { draft: false });
      expect(gitlab.mergeRequests[0]!.title).toBe('Istio upgrade');
    },
  );

  it('writes one note for a marker and replaces its body only when it differs', async () => {
    const git = host();
    await git.propose(PROJECT, proposal());
    const marker = '<!-- guard:note=held x -->';
    await git.note(PROJECT, 7, marker, 'held\n/merge');
    await git.note(PROJECT, 7, marker, 'held\n/merge');
    expect(gitlab.notes.map((note) => note.body)).toEqual([`${marker}\n\nheld\n\\/merge`]);
    const before = posts().length;
    await git.note(PROJECT, 7, marker, `${marker}\nreleased`);
    expect(gitlab.notes.map((note) => note.body)).toEqual([`${marker}\nreleased`]);
    expect(posts()).toHaveLength(before + 1);
  });

  it('tells the commits that touched a file since another, newest first', async () => {
    const since = gitlab.branches.get('main')!;
    gitlab.push('main', { [B]: 'x' });
    const second = gitlab.push('main', { [A]: 'y' }, 'bob');
    const third = gitlab.push('main', { [A]: 'z' }, 'carol');
    const history = await host().fileHistory(PROJECT, A, 'main', since);
    expect(history.map((one) => one.sha)).toEqual([third, second]);
    expect(history[0]).toEqual({
      sha: third,
      title: 'theirs',
      author: 'carol',
      at: '2026-11-21T09:00:00.000Z',
      url: `https://git.example/c/${third}`,
    });
    expect(await host().fileHistory(PROJECT, A, 'main')).toHaveLength(3);
  });
});
