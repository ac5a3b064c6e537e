import type { FileEdit } from './diff.js';
import type { Splice } from './edit.js';
import { groupByFile, spliceText } from './edit.js';
import type { PlanRequest } from './plan.js';
import type { Plane } from './target.js';

export interface Commit {
  readonly message: string;
  readonly files: readonly FileEdit[];
}

export type PlanedSplice = Splice & { readonly plane: Plane };

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
  for (const plane of ['crds', 'control', 'data'] as const) {
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

function messageOf(request: PlanRequest, plane: Plane): string {
  const versions = [...new Set(request.wave.values())];
  const version = versions.length === 1 ? versions[0]! : `${versions.length} versions`;
  const count = request.wave.size;
  const whom = count === 1 ? [...request.wave.keys()][0] : `${count} clusters`;
  return `${request.target.name}: ${TITLES[plane]} to ${version} (${whom})`;
}
