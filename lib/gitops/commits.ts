import type { FileEdit } from './diff.js';
import type { Splice } from './edit.js';
import { groupByFile, spliceText } from './edit.js';
import type { PlanRequest } from './plan-contract.js';
import type { Plane } from './target.js';
import type { Tree } from './tree.js';

export interface Commit {
  readonly message: string;
  readonly files: readonly FileEdit[];
}

export type PlanedSplice = Splice & { readonly plane: Plane };

const PLANES = ['crds', 'control', 'data'] as const;

const TITLES: Readonly<Record<Plane, string>> = {
  crds: 'CRDs',
  control: 'control plane',
  data: 'data plane',
};

/**
 * CRDs, then control plane, then data plane; only those that change something. A file that two of them change
 * passes through both: the second one's `before` is the first one's `content`. `files`: new, renamed, deleted.
 */
export function commitsOf(
  request: PlanRequest,
  splices: readonly PlanedSplice[],
  files: ReadonlyMap<string, string | undefined>,
): Commit[] {
  const commits: Commit[] = [];
  const current = new Map<string, string | undefined>();
  const byFile = groupByFile(splices);
  const done = new Set<Plane>();
  for (const plane of PLANES) {
    done.add(plane);
    const touched = new Set(splices.filter((splice) => splice.plane === plane).map((splice) => splice.file));
    if (plane === 'control') for (const path of files.keys()) touched.add(path);
    const edits: FileEdit[] = [];
    for (const path of [...touched].sort()) {
      const own = (byFile.get(path) ?? []).filter((splice) => done.has(splice.plane));
      const content = files.has(path) ? files.get(path) : spliceText(request.tree.get(path) ?? '', own);
      const before = current.has(path) ? current.get(path) : request.tree.get(path);
      if (before === content) continue;
      current.set(path, content);
      edits.push({ path, before, content });
    }
    if (edits.length > 0) commits.push({ message: messageOf(request, plane), files: edits });
  }
  return commits;
}

/**
 * The commits of a change that took several stages: every file goes whole into the first commit that concerns
 * it. Copies come first; nothing uses them before a later commit moves a pointer.
 */
export function stagedCommits(
  request: PlanRequest,
  stages: readonly {
    readonly splices: readonly PlanedSplice[];
    readonly files: ReadonlyMap<string, string | undefined>;
  }[],
  tree: Tree,
): Commit[] {
  const planes = new Map<string, Plane>();
  for (const { splices, files } of stages) {
    for (const path of files.keys()) planes.set(path, 'crds');
    for (const { file, plane } of splices) {
      const known = planes.get(file);
      if (known === undefined || PLANES.indexOf(plane) < PLANES.indexOf(known)) planes.set(file, plane);
    }
  }
  return PLANES.flatMap((plane): Commit[] => {
    const files = [...planes]
      .filter(([path, own]) => own === plane && request.tree.get(path) !== tree.get(path))
      .map(([path]) => ({ path, before: request.tree.get(path), content: tree.get(path) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    return files.length > 0 ? [{ message: messageOf(request, plane), files }] : [];
  });
}

function messageOf(request: PlanRequest, plane: Plane): string {
  const versions = [...new Set(request.wave.values())];
  const version = versions.length === 1 ? versions[0]! : `${versions.length} versions`;
  const count = request.wave.size;
  const whom = count === 1 ? [...request.wave.keys()][0] : `${count} clusters`;
  return `${request.target.name}: ${TITLES[plane]} to ${version} (${whom})`;
}
