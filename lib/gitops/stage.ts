import type { PlanedSplice } from './commits.js';
import { copyFolder } from './copy-folder.js';
import { addedDependencies } from './depends-on.js';
import { type Draft, draftChanges } from './draft.js';
import { spliceTree } from './edit.js';
import type { FleetMember } from './fleet.js';
import { namedElsewhere } from './folders.js';
import type { Change, PlannedEdit, PlanRequest, Refusal } from './plan-contract.js';
import { plannedUpdates, updatesOf } from './plan-updates.js';
import { usersOf } from './reach.js';
import type { Repository } from './repository.js';
import type { Resolution } from './resolve.js';
import { structuralChange } from './structural.js';
import type { Tree } from './tree.js';
import { sameNumber } from './version-text.js';

/** One step from a tree to the next one. A plan is one stage; a copied folder needs some more. */
export interface Stage {
  readonly draft: Draft;
  /** Edits of existing places. */
  readonly own: readonly Change[];
  /** Insertions, described for people. */
  readonly inserted: readonly PlannedEdit[];
  readonly copied: readonly { readonly old: string; readonly next: string }[];
  readonly splices: readonly PlanedSplice[];
  /** New, renamed and deleted files with their whole text. */
  readonly files: ReadonlyMap<string, string | undefined>;
  /** The tree after it; the same object when nothing changes. */
  readonly tree: Tree;
  readonly refused: readonly Refusal[];
  /** The deciding places are others now: they have to be looked for again. */
  readonly again: boolean;
}

export function makeStage(
  repository: Repository,
  request: PlanRequest,
  everyone: readonly FleetMember[],
  resolutions: ReadonlyMap<string, Resolution>,
): Stage {
  const written = updatesOf(repository, request, resolutions);
  const draft = draftChanges(repository, request, everyone, resolutions, written);
  const stage = {
    draft,
    own: [] as Change[],
    inserted: [] as PlannedEdit[],
    copied: [] as { old: string; next: string }[],
    splices: [] as PlanedSplice[],
    files: new Map<string, string | undefined>(),
    refused: [...draft.refused],
    tree: repository.tree,
    again: false,
  };
  if (stage.refused.length === 0 && draft.copies.size > 0) return withCopies(repository, stage);
  const { own, wide, outside } = byReach(draft, request);
  if (!request.structural) stage.refused.push(...outside);
  if (stage.refused.length > 0) return stage;
  const made = structuralChange(repository, request, everyone, resolutions, request.structural ? wide : []);
  if ('refused' in made) return { ...stage, refused: made.refused };
  stage.own.push(...own);
  stage.inserted.push(...made.described);
  for (const { token, to, plane } of own)
    stage.splices.push({ file: token.file, start: token.start, end: token.end, text: to, plane });
  stage.splices.push(...made.splices);
  const moved = own.some((change) => change.byFile && change.coupled === undefined);
  stage.again = moved && (request.structural === true || request.addDependsOn === true);
  if (!stage.again) {
    let known: ReturnType<typeof usersOf> | undefined;
    const users = () => (known ??= usersOf(repository, everyone));
    const more = [plannedUpdates(written, request, resolutions, users)];
    if (request.addDependsOn) more.push(addedDependencies(repository, request, resolutions, users));
    for (const { splices, described, refused } of more) {
      stage.splices.push(...splices);
      stage.inserted.push(...described);
      stage.refused.push(...refused);
    }
    if (stage.refused.length > 0) return stage;
  }
  return finish(repository, stage, made.files);
}

type Unfinished = { -readonly [Key in keyof Stage]: Stage[Key] } & {
  readonly files: Map<string, string | undefined>;
};

function finish(
  repository: Repository,
  stage: Unfinished,
  made: ReadonlyMap<string, string | undefined>,
): Stage {
  const { files, draft, splices } = stage;
  for (const [path, content] of made) files.set(path, content);
  if (splices.length === 0 && files.size === 0) return { ...stage, again: false };
  const after = spliceTree(repository.tree, splices);
  for (const [old, { next, by }] of draft.renames) {
    files.set(next, after.get(old));
    if (!namedElsewhere(repository, old, by)) files.set(old, undefined);
  }
  for (const [path, content] of files) {
    if (content === undefined) after.delete(path);
    else after.set(path, content);
  }
  return { ...stage, tree: after };
}

/** Only the copies: on the tree that holds them, the pointers and the versions are moved. */
function withCopies(repository: Repository, stage: Unfinished): Stage {
  const tree = new Map(repository.tree);
  const copied: { old: string; next: string }[] = [];
  for (const [old, next] of stage.draft.copies) {
    const made = copyFolder(repository, old, next);
    if ('refused' in made) {
      const { reason, hint } = made.refused;
      const clusters = [...new Set(stage.draft.rows.map((row) => row.cluster))];
      return {
        ...stage,
        refused: [{ reason: `${old} cannot be copied to ${next}: ${reason}`, clusters, hint }],
      };
    }
    copied.push({ old, next });
    for (const [path, text] of made.files) {
      tree.set(path, text);
      stage.files.set(path, text);
    }
  }
  return { ...stage, copied, tree, again: true };
}

/** Places that reach beyond the wave, apart from those that do not. */
function byReach(
  { changes, reach }: Draft,
  request: PlanRequest,
): { own: Change[]; wide: Change[]; outside: Refusal[] } {
  const own: Change[] = [];
  const wide: Change[] = [];
  const outside: Refusal[] = [];
  for (const change of changes) {
    const all = reach.get(change.token.id) ?? change.clusters;
    const goal = request.wave.get([...change.clusters][0] ?? '') ?? '';
    const others = [...all].filter((id) => !sameNumber(request.wave.get(id) ?? '', goal)).sort();
    if (others.length === 0) {
      own.push(change);
      continue;
    }
    wide.push(change);
    outside.push({
      reason: `${change.token.file} ${change.token.path} also decides for clusters that do not go there`,
      clusters: others,
      hint: 'add them to the wave, give the wave its own override, or use --structural',
      wave: [...change.clusters].sort(),
    });
  }
  return { own, wide, outside };
}
