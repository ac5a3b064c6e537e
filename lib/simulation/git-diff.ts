import { structuredPatch } from 'diff';
import type { Files } from './git-objects.js';

/** One file's change. `undefined`: the file is not there on that side. */
export interface FileDifference {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export function differences(before: Files, after: Files): FileDifference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .sort()
    .map((path) => ({ path, before: before.get(path), after: after.get(path) }));
}

/** The hunks, as GitLab gives them: without the `---` and `+++` lines. */
export function unifiedDiff({ path, before = '', after = '' }: FileDifference): string {
  const patch = structuredPatch(path, path, before, after, '', '', { context: 3 });
  return patch.hunks
    .map(
      (hunk) =>
        `@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@\n` +
        `${hunk.lines.join('\n')}\n`,
    )
    .join('');
}

export function lineCounts(changes: readonly FileDifference[]): { additions: number; deletions: number } {
  let [additions, deletions] = [0, 0];
  for (const change of changes) {
    for (const line of unifiedDiff(change).split('\n')) {
      if (line.startsWith('+')) additions += 1;
      if (line.startsWith('-')) deletions += 1;
    }
  }
  return { additions, deletions };
}

/**
 * Three ways, file by file: a file that only one side changed is that side's. Both sides changed it, to different
 * texts: a conflict, even where Git could have merged the lines; GUARD must cope with either.
 */
export function mergeFiles(
  base: Files,
  ours: Files,
  theirs: Files,
): { files: Map<string, string>; conflicts: string[] } {
  const files = new Map(ours);
  const conflicts: string[] = [];
  for (const { path, before, after } of differences(base, theirs)) {
    const mine = ours.get(path);
    if (mine === after) continue;
    if (mine !== before) conflicts.push(path);
    else if (after === undefined) files.delete(path);
    else files.set(path, after);
  }
  return { files, conflicts };
}

/** GitLab's shape of one changed file. */
export function wireDiff(change: FileDifference) {
  return {
    old_path: change.path,
    new_path: change.path,
    a_mode: change.before === undefined ? '0' : '100644',
    b_mode: change.after === undefined ? '0' : '100644',
    diff: unifiedDiff(change),
    new_file: change.before === undefined,
    renamed_file: false,
    deleted_file: change.after === undefined,
    generated_file: false,
    collapsed: false,
    too_large: false,
  };
}

function range(start: number, lines: number): string {
  return lines === 1 ? `${start}` : `${start},${lines}`;
}
