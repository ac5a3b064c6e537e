import { createTwoFilesPatch } from 'diff';

export interface FileEdit {
  readonly path: string;
  /** `undefined`: the file is new. */
  readonly before: string | undefined;
  /** `undefined`: the file is deleted. */
  readonly content: string | undefined;
}

/** A unified diff as `git apply` takes it, files in the order of their paths. */
export function unifiedDiff(files: readonly FileEdit[]): string {
  return [...files]
    .filter((file) => file.before !== file.content)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(oneFile)
    .join('');
}

function oneFile({ path: given, before, content }: FileEdit): string {
  const path = given.replace(/^\/+/, '');
  const from = before === undefined ? '/dev/null' : `a/${path}`;
  const to = content === undefined ? '/dev/null' : `b/${path}`;
  const mode =
    before === undefined
      ? 'new file mode 100644\n'
      : content === undefined
        ? 'deleted file mode 100644\n'
        : '';
  const patch = createTwoFilesPatch(from, to, before ?? '', content ?? '', undefined, undefined, {
    context: 3,
  });
  return `diff --git a/${path} b/${path}\n${mode}${patch.replace(/^=+\n/, '')}`;
}
