import { afterEach, describe, expect, it } from '@jest/globals';
import type { GitlabFaults } from '../../../lib/simulation/gitlab/faults.js';
import { BOSS, FILES, type GitlabWorld, gitlabWorld, PROJECT } from '../../support/gitlab-world.js';

let world: GitlabWorld;
afterEach(() => world.stop());
async function start(faults: GitlabFaults = {}): Promise<GitlabWorld> {
  world = await gitlabWorld(faults);
  return world;
}

const NEW = { 'a/istiod.yaml': 'version: "1.30.2"\n' };
const show = async (iid = 1) => (await world.api('GET', `/projects/:p/merge_requests/${iid}`)).json;
const merge = (body: object = {}) => world.api('PUT', '/projects/:p/merge_requests/1/merge', body, BOSS);
const note = (body: string) => world.api('POST', '/projects/:p/merge_requests/1/notes', { body });
const push = (branch: string, content: string, more: object = {}) =>
  world.api(
    'POST',
    '/projects/:p/repository/commits',
    {
      branch,
      commit_message: 'More',
      actions: [{ action: 'update', file_path: 'a/istiod.yaml', content, ...more }],
    },
    BOSS,
  );

describe('commits', () => {
  it('refuse a stale last_commit_id with 400, and take the file’s own', async () => {
    await start();
    const stale = world.main();
    await world.clock.advance(1000);
    await push('main', 'somebody\n');
    const refused = await push('main', 'mine\n', { last_commit_id: stale });
    expect(refused.status).toBe(400);
    expect(refused.json.message).toContain('has changed since you started editing');
    expect((await push('main', 'mine\n', { last_commit_id: world.main() })).status).toBe(201);
  });

  it.each([
    [
      'create of a file that exists',
      { action: 'create', file_path: 'README.md', content: 'x' },
      'already exists',
    ],
    [
      'update of a file that does not',
      { action: 'update', file_path: 'none', content: 'x' },
      "doesn't exist",
    ],
    ['a path out of the tree', { action: 'create', file_path: '../x', content: 'x' }, 'invalid path'],
  ])('answer %s with 400 and a sentence', async (_what, action, text) => {
    await start();
    const body = { branch: 'new', start_branch: 'main', commit_message: 'c', actions: [action] };
    const refused = await world.api('POST', '/projects/:p/repository/commits', body);
    expect(refused.status).toBe(400);
    expect(refused.json.message).toContain(text);
    expect((await world.api('GET', '/projects/:p/repository/branches/new')).status).toBe(404);
  });

  it('write over an existing branch only with force, and then replace it', async () => {
    await start();
    await world.propose('up', NEW);
    const again = {
      branch: 'up',
      start_sha: world.main(),
      commit_message: 'Again',
      actions: [{ action: 'update', file_path: 'a/istiod.yaml', content: 'other\n' }],
    };
    const refused = await world.api('POST', '/projects/:p/repository/commits', again);
    expect([refused.status, refused.json.message]).toEqual([400, expect.stringContaining('already exists')]);
    await world.api('POST', '/projects/:p/repository/commits', { ...again, force: true });
    expect((await world.api('GET', '/projects/:p/merge_requests/1/commits')).json).toHaveLength(1);
    expect((await show()).sha).toBe(
      (await world.api('GET', '/projects/:p/repository/branches/up')).json.commit.id,
    );
  });
});

describe('merge requests', () => {
  it('know their mergeability only some time after the first look', async () => {
    await start();
    await world.propose('up', NEW);
    expect((await show()).detailed_merge_status).toBe('checking');
    await world.clock.advance(3000);
    expect((await show()).detailed_merge_status).toBe('mergeable');
    await push('up', 'more\n');
    expect((await show()).detailed_merge_status).toBe('unchecked');
  });

  it('hide a conflict until the check ran, and are then refused with 422', async () => {
    await start();
    await world.propose('up', NEW);
    await push('main', 'somebody else\n');
    expect((await show()).has_conflicts).toBe(false);
    await world.clock.advance(3000);
    expect(await show()).toMatchObject({ has_conflicts: true, detailed_merge_status: 'conflict' });
    expect(await merge()).toMatchObject({ status: 422, json: { message: 'Branch cannot be merged' } });
  });

  it('answer a second open one with 409 whose message is a list', async () => {
    await start();
    await world.propose('up', NEW);
    const second = await world.api('POST', '/projects/:p/merge_requests', {
      source_branch: 'up',
      target_branch: 'main',
      title: 'Again',
    });
    expect(second.status).toBe(409);
    expect(second.json.message).toEqual([
      'Another open merge request already exists for this source branch: !1',
    ]);
  });

  it('answer other faults with a map or a list: unknown branch 400, same branch 422', async () => {
    await start();
    const open = (source_branch: string) =>
      world.api('POST', '/projects/:p/merge_requests', { source_branch, target_branch: 'main', title: 't' });
    expect((await open('none')).json.message).toEqual({ source_branch: ['does not exist'] });
    expect(await open('main')).toMatchObject({ status: 422, json: { message: [expect.any(String)] } });
  });

  it('count their changes as a string', async () => {
    await start();
    await world.propose('up', NEW);
    expect((await show()).changes_count).toBe('1');
  });

  it('take a description of 1,048,576 characters and not one more', async () => {
    await start();
    await world.propose('up', NEW);
    const put = (length: number) =>
      world.api('PUT', '/projects/:p/merge_requests/1', { description: 'x'.repeat(length) });
    expect((await put(1_048_576)).status).toBe(200);
    const refused = await put(1_048_577);
    expect([refused.status, Object.keys(refused.json.message)]).toEqual([400, ['description']]);
  });

  it('are drafts by their title, and as drafts are not merged (405)', async () => {
    await start();
    await world.propose('up', NEW, { title: '[Draft] up' });
    expect((await show()).draft).toBe(true);
    expect((await merge()).status).toBe(405);
    await world.api('PUT', '/projects/:p/merge_requests/1', { title: 'up' });
    expect((await merge()).status).toBe(200);
  });

  it('become drafts by a commit whose subject begins with fixup!', async () => {
    await start();
    await world.propose('up', NEW);
    await world.api('POST', '/projects/:p/repository/commits', {
      branch: 'up',
      commit_message: 'fixup! up',
      actions: [{ action: 'update', file_path: 'a/istiod.yaml', content: 'x\n' }],
    });
    expect(await show()).toMatchObject({ draft: true, title: 'Draft: Change up' });
  });

  it('refuse a merge of another head with 409', async () => {
    await start();
    await world.propose('up', NEW);
    const refused = await merge({ sha: world.main() });
    expect([refused.status, refused.json.message]).toEqual([
      409,
      expect.stringContaining('SHA does not match HEAD'),
    ]);
    expect((await show()).state).toBe('opened');
  });

  it('keep one assignee of several on the free tier', async () => {
    await start({ oneAssignee: true });
    await world.propose('up', NEW, { assignee_ids: [1, 2] });
    expect((await show()).assignees).toHaveLength(1);
  });
});

describe('what lands', () => {
  it('is shown only some seconds after the merge', async () => {
    await start();
    await world.propose('up', NEW);
    expect((await merge()).json).toMatchObject({ state: 'merged', merge_commit_sha: null });
    await world.clock.advance(5000);
    expect((await show()).merge_commit_sha).toBe(world.main());
  });

  it('of a fast-forward merge is the head itself, and both SHAs stay null', async () => {
    await start({ mergeMethod: 'fast-forward' });
    await world.propose('up', NEW);
    await merge();
    await world.clock.advance(60_000);
    const shown = await show();
    expect(shown).toMatchObject({ state: 'merged', merge_commit_sha: null, squash_commit_sha: null });
    expect(world.main()).toBe(shown.sha);
  });

  it('of a fast-forward project needs a rebase when main has moved', async () => {
    await start({ mergeMethod: 'fast-forward' });
    await world.propose('up', NEW);
    await world.api(
      'POST',
      '/projects/:p/repository/commits',
      { branch: 'main', commit_message: 'c', actions: [{ action: 'create', file_path: 'z', content: '' }] },
      BOSS,
    );
    expect((await merge()).status).toBe(405);
    await show();
    await world.clock.advance(3000);
    expect((await show()).detailed_merge_status).toBe('need_rebase');
  });

  it('of a squash has other SHAs than the branch, and the same files', async () => {
    await start({ mergeMethod: 'squash', landedShaDelaySeconds: 0 });
    await world.propose('up', NEW);
    const { json } = await merge();
    expect(json.squash_commit_sha).toMatch(/^[0-9a-f]{40}$/);
    expect(json.squash_commit_sha).not.toBe(json.sha);
    expect(world.gitlab.model.git.files(world.main()).get('a/istiod.yaml')).toBe(NEW['a/istiod.yaml']);
  });

  it('holds what others brought to main meanwhile', async () => {
    await start({
      pushes: [{ when: 'before-merge', branch: 'target', path: 'a/base.yaml', from: '1.29.4', to: '1.29.5' }],
    });
    await world.propose('up', NEW);
    await merge();
    expect(Object.fromEntries(world.gitlab.model.git.files(world.main()))).toEqual({
      ...FILES,
      ...NEW,
      'a/base.yaml': 'version: "1.29.5"\n',
    });
  });
});

describe('quick actions', () => {
  it('in a note are carried out, and leave no note when there is nothing else', async () => {
    await start();
    await world.propose('up', NEW);
    expect((await note('/close')).status).toBe(202);
    expect(await show()).toMatchObject({ state: 'closed', user_notes_count: 0 });
  });

  it('in a description are carried out and taken out of it', async () => {
    await start();
    await world.propose('up', NEW, { description: 'Evidence:\n/label ~"a b"\n/close\nend' });
    expect(await show()).toMatchObject({ state: 'closed', labels: ['a b'], description: 'Evidence:\nend' });
  });

  it('inside a code fence, or behind anything else on the line, are only text', async () => {
    await start();
    await world.propose('up', NEW);
    const body = '```\n/close\n```\nsee /close\n\\/close\n/unknown';
    expect((await note(body)).json.body).toBe(body);
    expect((await show()).state).toBe('opened');
  });
});

describe('injected answers', () => {
  it('of 429 are plain text without any rate limit header, then things go on', async () => {
    await start({ responses: [{ path: '/repository/branches', status: 429, times: 2 }] });
    const list = () => world.api('GET', '/projects/:p/repository/branches');
    const refused = await list();
    expect([refused.status, refused.text.trim(), refused.headers.get('retry-after')]).toEqual([
      429,
      'Retry later',
      null,
    ]);
    expect((await list()).status).toBe(429);
    expect((await list()).status).toBe(200);
  });

  it('may come after the work was done', async () => {
    await start({ responses: [{ method: 'POST', path: '/merge_requests', status: 502, afterwards: true }] });
    expect((await world.propose('up', NEW)).status).toBe(502);
    expect((await show()).state).toBe('opened');
  });

  it('may be skipped first, and may cut the connection', async () => {
    await start({ responses: [{ path: '/version', status: 500, skip: 1, hangUp: true }] });
    expect((await world.api('GET', '/version')).status).toBe(200);
    await expect(world.api('GET', '/version')).rejects.toThrow();
  });
});

it('keeps a merged request’s diff as it was, whatever main does then', async () => {
  await start();
  await world.propose('up', NEW);
  await merge({ should_remove_source_branch: true });
  await push('main', 'later\n');
  const { json } = await world.api('GET', '/projects/:p/merge_requests/1/diffs');
  expect(json[0].diff).toBe('@@ -1 +1 @@\n-version: "1.29.4"\n+version: "1.30.2"\n');
  expect(world.gitlab.model.project(PROJECT).repository.branches()).toEqual(['main']);
});
