import { noteMarker, renderNote } from '../domain/merge-request-text.js';
import { again, proceed, rollBack, type StepResult, settle } from '../domain/next-step.js';
import type { Direction, MergeRequestRef, Rollout } from '../domain/rollout.js';
import { sameVersion } from '../domain/version.js';
import { movedBetween } from '../gitops/moved.js';
import { resolveFleet } from '../gitops/plan.js';
import type { MergeRequest } from '../ports/git-host.js';
import type { Ports } from '../ports/index.js';
import { journalKeys } from '../ports/journal-keys.js';
import { targetNamed } from '../targets/index.js';
import type { JudgeMergeInput } from './contracts.js';
import { audit, iso, updateRollout } from './support/record.js';
import { setStatus } from './support/registry-changes.js';
import { enterStep, versionFor } from './support/step.js';

type JudgePorts = Pick<Ports, 'config' | 'log' | 'now' | 'registry' | 'journal' | 'git'>;

/**
 * The gate is over, for whatever reason it was resumed. Only the merge request itself says what happened:
 * open (wait again), closed, or merged; and what was merged is judged by resolving every cluster at the landed
 * commit, because squash and rebase change every SHA.
 */
export async function judgeMerge(input: JudgeMergeInput, ports: JudgePorts): Promise<StepResult> {
  const { direction } = input;
  const rollout = await enterStep(
    ports,
    input.rollout,
    direction === 'forward' ? 'judging the merge' : 'judging the rollback merge',
  );
  const ref = direction === 'forward' ? rollout.upgrade : rollout.rollback;
  const request = ref && (await ports.git.mergeRequest(rollout.project, { iid: ref.iid }));
  const unmerged = direction === 'forward' ? 'halted' : 'rollback-failed';
  if (!ref || !request)
    return settle(unmerged, 'errored', `merge request !${ref?.iid ?? '?'} does not exist any more`);
  if (request.state === 'closed')
    return settle(unmerged, null, `merge request !${ref.iid} was closed without a merge`);
  if (request.state === 'locked') return again(10, `merge request !${ref.iid} is being merged`);
  if (request.state !== 'merged') return stillOpen(rollout, request, ref, input, ports);
  if (!request.landedSha || !request.landedOn || !request.mergedAt)
    return again(10, `merge request !${ref.iid} is merged; GitLab does not show the commit yet`);
  return judgeLanded(
    rollout,
    direction,
    { ...ref, landedSha: request.landedSha, mergedAt: request.mergedAt },
    request.landedOn,
    request.mergedBy,
    ports,
  );
}

async function stillOpen(
  rollout: Rollout,
  request: MergeRequest,
  ref: MergeRequestRef,
  { direction, gateExpired }: JudgeMergeInput,
  ports: JudgePorts,
): Promise<StepResult> {
  if (rollout.request && direction === 'forward') {
    return settle(
      'cancelled',
      null,
      `${rollout.request.kind} asked by ${rollout.request.by}: ${rollout.request.reason}`,
    );
  }
  if (rollout.request?.kind === 'cancel') {
    return settle(
      'rollback-failed',
      null,
      `cancel asked by ${rollout.request.by}: ${rollout.request.reason}`,
    );
  }
  if (gateExpired) {
    const hours = ports.config.execution.merge_timeout_hours;
    return settle(
      direction === 'forward' ? 'halted' : 'rollback-failed',
      null,
      `merge request !${ref.iid} was not merged within ${hours} hours`,
    );
  }
  if (request.sha !== ref.sha) await draftAgain(rollout, request, direction, ports);
  return again(0, `merge request !${ref.iid} is still open`);
}

/** Someone pushed to our branch: whoever merges must look again. Said once per head. */
async function draftAgain(
  rollout: Rollout,
  request: MergeRequest,
  direction: Direction,
  ports: JudgePorts,
): Promise<void> {
  const [gate] = await ports.journal.records(journalKeys.rollout(rollout.key), journalKeys.gate(direction));
  if (gate?.seenSha === request.sha) return;
  const kind = `changed-${request.sha.slice(0, 12)}`;
  await ports.git.update(rollout.project, request.iid, { draft: true });
  await ports.git.note(
    rollout.project,
    request.iid,
    noteMarker(rollout, kind),
    renderNote({
      rollout,
      kind,
      headline: 'The branch was changed after GUARD proposed it; the merge request is a draft again',
      reasons: [
        `Its head is now ${request.sha.slice(0, 8)}.`,
        'After a merge GUARD resolves every cluster at the landed commit; anything but exactly this wave at the target version is rolled back.',
      ],
      todo: 'Review the new content, then mark the merge request as ready.',
    }),
  );
  if (gate) await ports.journal.put({ ...gate, seenSha: request.sha });
}

async function judgeLanded(
  rollout: Rollout,
  direction: Direction,
  landed: MergeRequestRef,
  landedOn: string,
  mergedBy: string | undefined,
  ports: JudgePorts,
): Promise<StepResult> {
  const kind = direction === 'forward' ? 'upgrade' : 'rollback';
  await updateRollout(ports, rollout.key, () => ({ [kind]: landed }));
  await audit(ports, rollout.key, `merged-${landed.iid}`, {
    who: mergedBy ?? 'unknown',
    what: `merged the ${kind} merge request`,
    commit: landed.landedSha,
    links: [landed.url],
  });
  const { wrong, found } = await judgeContent(
    rollout,
    direction,
    { before: landedOn, after: landed.landedSha! },
    ports,
  );
  await updateRollout(ports, rollout.key, ({ clusters }) => ({
    clusters: clusters.map((cluster) => ({ ...cluster, landed: found.get(cluster.cluster_id) })),
  }));
  if (direction === 'back') {
    await setStatus(ports, rollout, 'rolling-back');
    if (wrong.length > 0)
      return settle(
        'rollback-failed',
        'errored',
        `after the merge of !${landed.iid}: ${wrong.slice(0, 3).join('; ')}`,
      );
    return proceed('passed', `!${landed.iid} was merged`);
  }
  await setStatus(ports, rollout, 'upgrading');
  if (wrong.length > 0)
    return rollBack(
      'errored',
      `what was merged is not this wave at ${rollout.version}: ${wrong.slice(0, 3).join('; ')}`,
    );
  return proceed('passed', `!${landed.iid} was merged at ${iso(Date.parse(landed.mergedAt!))}`);
}

/**
 * Every cluster of the wave at its version at the landed commit, and no other cluster moved by the merge itself;
 * and what the wave's clusters have there.
 */
async function judgeContent(
  rollout: Rollout,
  direction: Direction,
  landed: { readonly before: string; readonly after: string },
  ports: JudgePorts,
): Promise<{ wrong: string[]; found: ReadonlyMap<string, string | undefined> }> {
  const target = targetNamed(rollout.target).gitops;
  const [plan] = await ports.journal.records(journalKeys.rollout(rollout.key), journalKeys.plan(direction));
  const fleet = (await ports.registry.all()).filter((cluster) => cluster.gitlab_repo === rollout.project);
  const left = new Set(
    ((plan?.refused as { clusters: string[]; wave?: string[] }[] | undefined) ?? []).flatMap(
      ({ clusters, wave: held = clusters }) => held,
    ),
  );
  const wave = new Set(rollout.clusters.map((cluster) => cluster.cluster_id));
  const { files } = await ports.git.snapshot(rollout.project, landed.after);
  const after = resolveFleet(files, fleet, target);
  const wrong: string[] = [];
  const found = new Map([...wave].map((id) => [id, after.get(id)?.version]));
  for (const [id, version] of found) {
    const wanted = versionFor(rollout, direction, id);
    const where = version ?? `an unknown version (${after.get(id)?.reason ?? 'not found'})`;
    if (left.has(id)) wrong.push(`${id} was left at ${where}`);
    else if (version === undefined || !sameVersion(version, wanted))
      wrong.push(`${id} is at ${where} in Git, not ${wanted}`);
  }
  // Against the branch just before the merge: what others have merged meanwhile is theirs.
  const before = await ports.git.snapshot(rollout.project, landed.before);
  for (const { cluster, from, to } of movedBetween(before.files, files, fleet, target))
    if (!wave.has(cluster))
      wrong.push(
        `${cluster} is not in the wave, and the merge moved it from ${from || 'no version'} to ${to || 'no version'}`,
      );
  return { wrong, found };
}
