import { describe, expect, it } from '@jest/globals';
import { judgeMerge } from '../../lib/phases/judge-merge.js';
import { openMergeRequest } from '../../lib/phases/open-merge-request.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { admitted, KEY, proposed, restarted, rollingBack } from '../support/fakes/drive.js';
import { endingOf } from '../support/fakes/ending.js';
import { NEW, OLD, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

const forward = (w: World) => openMergeRequest({ rollout: KEY, direction: 'forward', reason: '' }, w.ports);
const back = (w: World) =>
  openMergeRequest({ rollout: KEY, direction: 'back', reason: 'P99 doubled' }, w.ports);
const statuses = (w: World) => new Set(WAVE.map((id) => w.registry.items.get(id)!.status));
const file = (id: string, name = 'istiod') => `clusters/${id}/istio/${name}.yaml`;

describe('open the merge request', () => {
  it('proposes a draft that moves exactly the wave, with the reports in its text', async () => {
    const w = world();
    await admitted(w);
    expect(await forward(w)).toMatchObject({ next: 'proceed', verdict: 'passed' });
    const [request] = w.git.requests;
    expect(request).toMatchObject({
      draft: true,
      branch: `guard/upgrade/${KEY}`,
      targetBranch: 'main',
      labels: ['guard', 'istio'],
      proposal: { assignees: ['@platform'] },
    });
    expect(request!.proposal.commits.flatMap(({ files }) => files.map(({ path }) => path)).sort()).toEqual(
      WAVE.flatMap((id) => [file(id, 'base'), file(id)]).sort(),
    );
    for (const id of WAVE) expect(request!.description).toContain(id);
    expect(w.git.file(file(WAVE[0]), request!.branch)).toContain(`version: "${NEW}" # keep`);
    expect((await w.rollout()).upgrade).toMatchObject({ iid: 1, sha: request!.sha });
    expect(statuses(w)).toEqual(new Set(['mr-created']));
  });

  it('finds its own request again when it runs twice', async () => {
    const w = world();
    await admitted(w);
    const first = await forward(w);
    const after = await endingOf(w);
    expect(await forward(w)).toEqual(first);
    expect(w.git.requests.length).toBe(1);
    expect(await endingOf(w)).toEqual(after);
  });

  it('takes a request that was merged before it could be kept, and does not ask again', async () => {
    const w = world();
    await admitted(w);
    w.interruption.dieAt(1, 'before');
    const { propose } = w.ports.git;
    w.ports.git.propose = async (project, proposal) => {
      await propose(project, proposal);
      throw new Error('died');
    };
    await expect(forward(w)).rejects.toThrow('died');
    await expect(forward(w)).rejects.toThrow('died');
    w.git.merge(1);
    expect(await forward(w)).toMatchObject({ next: 'proceed' });
    expect((await w.rollout()).upgrade).toMatchObject({ iid: 1 });
    expect(w.git.requests.length).toBe(1);
    expect(
      await judgeMerge({ rollout: KEY, direction: 'forward', gateExpired: false }, w.ports),
    ).toMatchObject({
      next: 'proceed',
    });
  });

  it('is refused when somebody moved the wave by hand, and when the change would move others', async () => {
    const w = world();
    await admitted(w);
    const text = (id: string, name: string) => w.git.file(file(id, name))!.replaceAll(OLD, NEW);
    w.git.push(
      Object.fromEntries(
        WAVE.flatMap((id) => ['base', 'istiod'].map((name) => [file(id, name), text(id, name)])),
      ),
    );
    expect(await forward(w)).toMatchObject({
      next: 'settle',
      outcome: 'refused',
      reason: `every cluster is at ${NEW} in Git already; nothing to change`,
    });
    const hinted = world();
    await admitted(hinted);
    for (const id of WAVE) hinted.registry.force(id, { flux_config_path: 'clusters/elsewhere.yaml' });
    const out = await forward(hinted);
    expect(out).toMatchObject({ next: 'settle', outcome: 'refused' });
    expect(out.reason).toContain('the registry says clusters/elsewhere.yaml holds the version');
    expect(hinted.git.requests).toEqual([]);
  });

  it('obeys a cancel that came before', async () => {
    const w = world();
    await admitted(w);
    const rollout = await w.rollout();
    const request = { kind: 'cancel', by: 'ada', at: '2026-08-24T09:00:00.000Z', reason: 'freeze' } as const;
    await w.journal.saveRollout({ ...rollout, request }, rollout.revision);
    expect(await forward(w)).toMatchObject({ outcome: 'cancelled', reason: 'cancel asked by ada: freeze' });
    expect(w.git.requests).toEqual([]);
  });
});

describe('open the rollback', () => {
  it('puts back what each cluster had, ready to be merged, labelled and assigned', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    expect(await back(w)).toMatchObject({ next: 'proceed', verdict: 'failed', reason: 'P99 doubled' });
    const request = w.git.requests[1]!;
    expect(request).toMatchObject({
      draft: false,
      branch: `guard/rollback/${KEY}`,
      labels: ['guard', 'istio', 'ROLLBACK'],
      proposal: { assignees: ['@platform'] },
    });
    expect(request.description).toContain('P99 doubled');
    for (const id of WAVE) expect(w.git.file(file(id), request.branch)).toContain(OLD);
    expect(await w.rollout()).toMatchObject({ direction: 'back', rollback: { iid: 2 } });
    expect(statuses(w)).toEqual(new Set(['rolling-back']));
  });

  it('leaves a token that somebody else changed, names the commit, and puts the rest back', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const changed = w.git.file(file(WAVE[0]))!.replace(NEW, '1.30.9');
    const sha = w.git.push({ [file(WAVE[0])]: changed }, { author: 'Ada', title: 'hotfix istiod' });
    expect(await back(w)).toMatchObject({ next: 'proceed' });
    const request = w.git.requests[1]!;
    const paths = request.proposal.commits.flatMap(({ files }) => files.map(({ path }) => path));
    expect(paths.filter((path) => path.includes(WAVE[0]))).toEqual([]);
    expect(paths.length).toBe(6);
    expect(request.description).toContain(sha.slice(0, 8));
    expect(request.description).toContain('hotfix istiod');
    w.git.merge(2);
    const out = await judgeMerge({ rollout: KEY, direction: 'back', gateExpired: false }, w.ports);
    expect(out).toMatchObject({ next: 'settle', outcome: 'rollback-failed' });
    expect(out.reason).toContain(`${WAVE[0]} was left at`);
  });

  it('fails loudly when everything was changed by others', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    w.git.push(
      Object.fromEntries(
        WAVE.flatMap((id) =>
          ['base', 'istiod'].map((name) => [
            file(id, name),
            w.git.file(file(id, name))!.replaceAll(NEW, '1.30.9'),
          ]),
        ),
      ),
      { title: 'all by hand', author: 'Ada' },
    );
    const out = await back(w);
    expect(out).toMatchObject({ next: 'settle', outcome: 'rollback-failed', verdict: 'failed' });
    expect(out.reason).toContain(`${WAVE[0]} is at 1.30.9, changed by commit`);
    expect(out.reason).toContain('"all by hand" (Ada)');
    expect(w.git.requests.length).toBe(1);
  });

  it('fails loudly when Git holds the old versions already', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    w.git.push(
      Object.fromEntries(
        WAVE.flatMap((id) =>
          ['base', 'istiod'].map((name) => [
            file(id, name),
            w.git.file(file(id, name))!.replaceAll(NEW, OLD),
          ]),
        ),
      ),
    );
    expect(await back(w)).toMatchObject({
      outcome: 'rollback-failed',
      reason: 'nothing can be put back: Git holds the old versions already; see guard status',
    });
  });

  it('leaves a token that a cluster of others uses by now, names that cluster, and puts the rest back', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    w.registry.force('eks-dev-control-1', { flux_path: `clusters/${WAVE[0]}` });
    expect(await back(w)).toMatchObject({ next: 'proceed' });
    const request = w.git.requests[1]!;
    const paths = request.proposal.commits.flatMap(({ files }) => files.map(({ path }) => path));
    expect(paths.filter((path) => path.includes(WAVE[0]))).toEqual([]);
    expect(paths.length).toBe(6);
    expect(request.description).toContain('also decides for clusters that do not go there');
    expect(request.description).toContain('eks-dev-control-1');
    w.git.merge(2);
    const out = await judgeMerge({ rollout: KEY, direction: 'back', gateExpired: false }, w.ports);
    expect(out).toMatchObject({ next: 'settle', outcome: 'rollback-failed' });
    expect(out.reason).toContain(`${WAVE[0]} was left at`);
  });

  it('cannot be made when others use all of it', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    w.git.push({
      'all/kustomization.yaml': `resources:\n${WAVE.map((id) => `- ../${file(id)}\n`).join('')}`,
    });
    w.registry.force('eks-dev-control-1', { flux_path: 'all' });
    const out = await back(w);
    expect(out).toMatchObject({ outcome: 'rollback-failed' });
    expect(out.reason).toMatch(/^nothing can be put back: .* also decides for clusters/);
    expect(out.reason).toContain('eks-dev-control-1');
    expect(w.git.requests.length).toBe(1);
  });

  it('is left to people when rollback.auto_create_mr is false', async () => {
    const w = world({ config: { ...SHORT, rollback: { auto_create_mr: false } } });
    await restarted(w);
    const out = await back(w);
    expect(out).toMatchObject({ outcome: 'rollback-failed' });
    expect(out.reason).toMatch(/^P99 doubled; rollback.auto_create_mr is false: put the batch back by hand/);
    expect(statuses(w)).toEqual(new Set(['rollback-required']));
  });

  it('takes a rollback that was merged before it could be kept', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    w.git.merge(2);
    const { rollback: _lost, ...rollout } = await w.rollout();
    await w.journal.saveRollout(rollout, rollout.revision);
    for (const id of WAVE) w.registry.force(id, { status: 'rollback-required' });
    expect(await back(w)).toMatchObject({ next: 'proceed' });
    expect((await w.rollout()).rollback).toMatchObject({ iid: 2 });
    expect(w.git.requests.length).toBe(2);
  });

  it('keeps what it computed for the judgement of the merge', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    const [plan] = await w.journal.records(journalKeys.rollout(KEY), journalKeys.plan('back'));
    expect(plan).toMatchObject({ base: w.git.head(), refused: [] });
    expect((plan!.edits as unknown[]).length).toBe(8);
  });
});

describe('a proposal', () => {
  it('never holds a line that GitLab would run as a command', async () => {
    const w = world({ config: SHORT });
    await proposed(w);
    for (const { description } of w.git.requests) expect(description).not.toMatch(/^\s*\//m);
  });
});
