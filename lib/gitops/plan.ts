import { isExactVersion } from '../domain/version.js';
import type { Commit } from './commits.js';
import { commitsOf, stagedCommits } from './commits.js';
import type { FileEdit } from './diff.js';
import { unifiedDiff } from './diff.js';
import type { FleetMember } from './fleet.js';
import { rootOf, strangersOf } from './fleet.js';
import { orderWarnings } from './order.js';
import type { Change, Plan, PlannedEdit, PlanRequest, Refusal } from './plan-contract.js';
import { Repository, repositoryOf } from './repository.js';
import type { Resolution } from './resolve.js';
import { resolveMember } from './resolve.js';
import { makeStage, type Stage } from './stage.js';
import { verifyChange } from './verify.js';

export { fluxPathOf } from './fleet.js';
export type { Plan, PlanRequest, Refusal } from './plan-contract.js';
export { type Resolution, resolveFleet } from './resolve.js';

/** Folders in folders that are named after the version need a stage each; real layouts have two. */
const MAX_STAGES = 8;

/**
 * Computes the change that moves exactly the wave, or says why there is none. Pure.
 * @throws UsageError when an update of an upgrade spec has no place; else only on faults
 */
export function planChange(request: PlanRequest): Plan {
  const repository = repositoryOf(request.tree);
  const problems = waveProblems(request);
  const everyone = [...request.fleet, ...strangersOf(repository, request.fleet)];
  const before = resolveAll(repository, everyone, request);
  // A wave that is wrong in itself has no places for updates.
  const stages = [
    makeStage(repository, problems.length > 0 ? { ...request, updates: [] } : request, everyone, before),
  ];
  const first = stages[0]!;
  // The registry's hints speak of the tree as it is now, not of one that a stage has made.
  const fleet = request.fleet.map((member) => ({
    cluster_id: member.cluster_id,
    flux_path: rootOf(repository, member),
  }));
  let at = repository;
  for (let last = first; last.again && last.refused.length === 0; last = stages.at(-1)!) {
    if (stages.length === MAX_STAGES) return refusedPlan(stages, [tooDeep(request)]);
    at = new Repository(last.tree, at);
    stages.push(makeStage(at, { ...request, fleet }, everyone, resolveAll(at, everyone, request)));
  }
  const refused = [...problems, ...stages.flatMap((stage) => stage.refused)];
  const last = stages.at(-1)!;
  if (refused.length > 0) return refusedPlan(stages, refused);
  if (last.tree === request.tree) return made(stages, [], request, []);
  const wrong = verifyChange(repository, last.tree, request, everyone, before);
  if (wrong.length > 0) return refusedPlan(stages, wrong);
  const commits =
    stages.length === 1
      ? commitsOf(request, first.splices, first.files)
      : stagedCommits(request, stages, last.tree);
  return made(stages, commits, request, orderWarnings(request, before));
}

function waveProblems({ fleet, wave }: PlanRequest): Refusal[] {
  const refused: Refusal[] = [];
  const known = new Set(fleet.map((member) => member.cluster_id));
  const unknown = [...wave.keys()].filter((id) => !known.has(id));
  if (unknown.length > 0) {
    const hint = 'check the names, or import the clusters first';
    refused.push({ reason: 'no such cluster in the fleet', clusters: unknown, hint });
  }
  const inexact = [...wave].find(([, to]) => !isExactVersion(to));
  if (inexact) {
    const reason = `"${inexact[1]}" is not one exact version`;
    refused.push({ reason, clusters: [inexact[0]], hint: 'give a version such as 1.30.2' });
  }
  return refused;
}

function resolveAll(
  repository: Repository,
  everyone: readonly FleetMember[],
  { target }: PlanRequest,
): Map<string, Resolution> {
  return new Map(
    everyone.map((member) => [member.cluster_id, resolveMember(repository, member, target)] as const),
  );
}

function tooDeep({ wave }: PlanRequest): Refusal {
  return {
    reason: `folders named after the version are nested more than ${MAX_STAGES} deep`,
    clusters: [...wave.keys()],
    hint: 'make this change by hand',
  };
}

function refusedPlan(stages: readonly Stage[], refused: readonly Refusal[]): Plan {
  return { ...described(stages), edits: [], coupled: [], refused, commits: [], diff: '' };
}

function made(
  stages: readonly Stage[],
  commits: readonly Commit[],
  request: PlanRequest,
  warnings: readonly string[],
): Plan {
  const changes = stages.flatMap((stage) => stage.own);
  const copies = stages.flatMap((stage) => stage.copied);
  const shown = described(stages);
  return {
    ...shown,
    edits: [
      ...changes.filter((change) => change.coupled === undefined).map(editOf),
      ...stages.flatMap((stage) => stage.inserted),
    ],
    coupled: [
      ...copies.map(({ old, next }) => ({
        file: next,
        doc: 0,
        path: '',
        from: old,
        to: next,
        reason: 'a copy of the folder for the new version',
      })),
      ...changes.flatMap((change) =>
        change.coupled === undefined ? [] : [{ ...editOf(change), reason: change.coupled }],
      ),
    ],
    refused: [],
    warnings: [...new Set([...shown.warnings, ...warnings, ...leftovers(stages, request)])],
    commits,
    diff: unifiedDiff(netFiles(commits)),
  };
}

function described(stages: readonly Stage[]): Pick<Plan, 'clusters' | 'reach' | 'warnings'> {
  return {
    clusters: stages[0]!.draft.rows,
    reach: stages.flatMap(({ draft }) =>
      draft.changes.map(({ token, clusters }) => ({
        file: token.file,
        doc: token.doc,
        path: token.path,
        clusters: [...(draft.reach.get(token.id) ?? clusters)].sort(),
      })),
    ),
    warnings: [...new Set(stages.flatMap((stage) => stage.draft.warnings))],
  };
}

function editOf({ token, to }: Change): PlannedEdit {
  return { file: token.file, doc: token.doc, path: token.path, from: token.text, to };
}

/** Every file once: from what is there now to what the last commit makes of it. */
export function netFiles(commits: readonly Commit[]): FileEdit[] {
  const files = new Map<string, FileEdit>();
  for (const file of commits.flatMap((commit) => commit.files)) {
    const known = files.get(file.path);
    files.set(file.path, known ? { ...file, before: known.before } : file);
  }
  return [...files.values()];
}

/** Copied files that still name the old version somewhere: a name, a comment, or a thing that was missed. */
function leftovers(stages: readonly Stage[], request: PlanRequest): string[] {
  const tree = stages.at(-1)!.tree;
  const copies = stages.flatMap((stage) => stage.copied);
  const old = new Set(
    stages[0]!.draft.rows.map((row) => row.from.replace(/^v/, '')).filter((version) => version !== ''),
  );
  return [...tree].flatMap(([path, text]) =>
    copies.some(({ next }) => path.startsWith(`${next}/`)) && !request.tree.has(path)
      ? [...old]
          .filter((version) => text.includes(version))
          .map((version) => `${path} still names ${version}; look at it`)
      : [],
  );
}
