import { afterEach, describe, expect, it } from '@jest/globals';
import { type PeopleOptions, simulatePeople } from '../../../lib/simulation/people.js';
import { BOSS, type GitlabWorld, gitlabWorld, PROJECT } from '../../support/gitlab-world.js';

const worlds: GitlabWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});
async function start(...options: Parameters<typeof gitlabWorld>): Promise<GitlabWorld> {
  const world = await gitlabWorld(...options);
  worlds.push(world);
  return world;
}

const NEW = { 'a/istiod.yaml': 'new\n' };
const request = ({ gitlab }: GitlabWorld) => gitlab.model.request(PROJECT, 1)!;

describe('after a restart', () => {
  it('SHAs, numbers, states, notes and times are what they were', async () => {
    const faults = { pushes: [{ when: 'after-merge', branch: 'target', path: 'z', to: 'z' } as const] };
    const before = await start(faults);
    await before.propose('up', NEW, { labels: 'guard' });
    await before.clock.advance(90_000);
    await before.api('POST', '/projects/:p/merge_requests/1/notes', { body: 'seen' });
    await before.api('POST', '/projects/:p/merge_requests', {
      source_branch: 'up',
      target_branch: 'main',
      title: 'x',
    });
    await before.api('PUT', '/projects/:p/merge_requests/1/merge', { sha: 'wrong' }, BOSS);
    before.gitlab.act({ what: 'ready-and-merge', project: PROJECT, iid: 1, username: 'reviewer' });
    await before.propose('later', { 'a/base.yaml': 'new\n' });
    const after = await start(faults, before.log.all);
    for (const path of [
      '/projects/:p/merge_requests?per_page=100',
      '/projects/:p/merge_requests/1/notes',
      '/projects/:p/repository/commits?ref_name=main',
      '/projects/:p/repository/branches',
    ]) {
      const strip = (world: GitlabWorld, text: string) =>
        text.replaceAll(world.gitlab.url, '').replace(/"detailed_merge_status":"\w+"/g, '');
      const [one, other] = [await before.api('GET', path), await after.api('GET', path)];
      expect(one.json.length).toBeGreaterThan(0);
      expect(strip(after, other.text)).toBe(strip(before, one.text));
    }
  });

  it('the next number follows the last', async () => {
    const before = await start();
    await before.propose('up', NEW);
    const after = await start({}, before.log.all);
    expect((await after.propose('other', { 'a/base.yaml': 'x\n' })).json.iid).toBe(2);
  });
});

describe('a simulated reviewer', () => {
  const watch = (world: GitlabWorld, more: Partial<PeopleOptions> = {}) =>
    simulatePeople({ clock: world.clock, gitlab: world.gitlab, mergeAfterSeconds: 600, ...more });

  it('marks a draft ready and merges it when its time has come, not before', async () => {
    const world = await start();
    watch(world);
    await world.propose('up', NEW, { title: 'Draft: up' });
    await world.clock.advance(599_000);
    expect(request(world)).toMatchObject({ state: 'opened', title: 'Draft: up' });
    await world.clock.advance(1000);
    expect(request(world)).toMatchObject({
      state: 'merged',
      title: 'up',
      mergedBy: { username: 'reviewer' },
    });
  });

  it('waits anew after new code', async () => {
    const world = await start();
    watch(world);
    await world.propose('up', NEW);
    await world.clock.advance(500_000);
    const actions = [{ action: 'update', file_path: 'a/istiod.yaml', content: 'x\n' }];
    await world.api('POST', '/projects/:p/repository/commits', {
      branch: 'up',
      commit_message: 'c',
      actions,
    });
    await world.clock.advance(500_000);
    expect(request(world).state).toBe('opened');
    await world.clock.advance(100_000);
    expect(request(world).state).toBe('merged');
  });

  it('leaves alone what was made a draft again', async () => {
    const world = await start();
    watch(world);
    await world.propose('up', NEW);
    await world.api('PUT', '/projects/:p/merge_requests/1', { title: 'Draft: up' });
    await world.clock.advance(3_600_000);
    expect(request(world).state).toBe('opened');
  });

  it('closes or ignores as told, request by request', async () => {
    const world = await start();
    watch(world, { react: ({ sourceBranch }) => (sourceBranch === 'bad' ? 'close' : 'ignore') });
    await world.propose('bad', NEW);
    await world.propose('other', { 'a/base.yaml': 'x\n' });
    await world.clock.advance(3_600_000);
    expect(world.gitlab.model.project(PROJECT).requests.map(({ state }) => state)).toEqual([
      'closed',
      'opened',
    ]);
  });

  it('takes up after a restart what was open, at the time at which it would have acted', async () => {
    const before = await start();
    await before.propose('up', NEW);
    await before.clock.advance(400_000);
    const after = await start({}, before.log.all, before.clock);
    watch(after);
    await after.clock.advance(199_000);
    expect(request(after).state).toBe('opened');
    await after.clock.advance(1000);
    expect(request(after).state).toBe('merged');
  });
});
