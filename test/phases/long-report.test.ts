import { afterEach, expect, it } from '@jest/globals';
import { createGitHost } from '../../lib/adapters/gitlab/git-host.js';
import type { Direction, Rollout } from '../../lib/domain/rollout.js';
import { proposeRollback } from '../../lib/phases/propose-rollback.js';
import { proposeUpgrade } from '../../lib/phases/propose-upgrade.js';
import type { Ports } from '../../lib/ports/index.js';
import { journalKeys } from '../../lib/ports/journal-keys.js';
import { KEY } from '../support/fakes/drive.js';
import { clusterOf, NEW, OLD, world } from '../support/fakes/world.js';
import { BOSS, BOT, type GitlabWorld, gitlabWorld } from '../support/gitlab-world.js';
import { literalTree } from '../support/gitops-trees.js';

const IDS = Array.from({ length: 60 }, (_, index) => `eks-dev-${String(index).padStart(3, '0')}`);
const BIG = 'infra/big';
const AT = '2026-08-24T09:00:00.000Z';

let gitlab: GitlabWorld | undefined;
afterEach(async () => {
  await gitlab?.stop();
  gitlab = undefined;
});

function rolloutOf(direction: Direction): Rollout {
  return {
    key: KEY,
    target: 'istio',
    version: NEW,
    batch: 'dev-wave-1',
    attempt: 1,
    direction,
    phase: 'opening the merge request',
    clusters: IDS.map((cluster_id) => ({ cluster_id, from: OLD, token: 1 })),
    project: BIG,
    targetBranch: 'main',
    startedAt: AT,
    startedBy: 'ada',
    updatedAt: AT,
    executions: [],
    dryRun: false,
    revision: 1,
  };
}

/** Sixty clusters at this version in a simulated GitLab; every cluster has a report of each stage. */
async function sixty(version: string): Promise<{ ports: Ports; notes: (iid: number) => Promise<string[]> }> {
  const started = await gitlabWorld();
  gitlab = started;
  const tree = literalTree(Object.fromEntries(IDS.map((id) => [id, version])));
  started.gitlab.model.addProject(BIG, tree, 'main', Date.parse('2026-06-01T08:00:00Z'));
  const w = world({ clusters: () => IDS.map((id) => clusterOf(id, version, { gitlab_repo: BIG })) });
  for (const stage of ['before', 'after'] as const) {
    for (const id of IDS) {
      await w.journal.put({
        pk: journalKeys.rollout(KEY),
        sk: journalKeys.check(stage, 'forward', id),
        cluster_id: id,
        verdict: 'passed',
        checks: [{ check: 'reachable', verdict: 'passed', message: `${id} answers`, evidence: [] }],
      });
    }
  }
  const git = createGitHost({
    url: started.gitlab.url,
    token: async () => BOT,
    now: () => started.clock.now(),
  });
  return {
    ports: { ...w.ports, git },
    notes: async (iid) => {
      const path = `/projects/${encodeURIComponent(BIG)}/merge_requests/${iid}/notes?per_page=100`;
      const { json } = await started.api('GET', path, undefined, BOSS);
      return (json as { body: string; system: boolean }[])
        .filter((note) => !note.system)
        .map((note) => note.body);
    },
  };
}

it.each([
  ['upgrade', OLD, (ports: Ports) => proposeUpgrade(rolloutOf('forward'), ports)],
  ['rollback', NEW, (ports: Ports) => proposeRollback(rolloutOf('back'), 'P99 doubled', ports)],
] as const)(
  'of an %s of sixty clusters: summarised, attached whole as one note, and found again',
  async (_, version, propose) => {
    const { ports, notes } = await sixty(version);
    const first = await propose(ports);
    if (!('request' in first)) throw new Error(JSON.stringify(first));
    const { iid } = first.request;
    const request = await ports.git.mergeRequest(BIG, { iid });
    // The description summarises: not a row for each cluster.
    expect(IDS.filter((id) => request!.description.includes(`\`${id}\` | `)).length).toBeLessThan(IDS.length);
    const [report, ...more] = await notes(iid);
    expect(more).toEqual([]);
    expect(report).toContain('The whole report');
    for (const id of IDS) {
      expect(report).toContain(id);
      expect(report).toContain(`clusters/${id}/istio/`);
    }
    // A second run of the step, as after a crash: the same request, the same note.
    expect(await propose(ports)).toEqual(first);
    expect(await notes(iid)).toEqual([report]);
    // What was found meanwhile replaces the text of that note.
    await ports.journal.put({
      pk: journalKeys.rollout(KEY),
      sk: journalKeys.check(version === OLD ? 'before' : 'after', 'forward', IDS[7]!),
      cluster_id: IDS[7]!,
      verdict: 'failed',
      checks: [{ check: 'reachable', verdict: 'failed', message: 'no answer', evidence: [] }],
    });
    expect(await propose(ports)).toEqual(first);
    const [renewed, ...others] = await notes(iid);
    expect(others).toEqual([]);
    expect(renewed).not.toBe(report);
    expect(renewed).toContain('no answer');
  },
);
