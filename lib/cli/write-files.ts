import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RefusedError, TerminalError } from '../domain/errors.js';
import type { FileEdit } from '../gitops/diff.js';
import { readText } from './tree-files.js';

/**
 * Makes all changes or none: every new text goes to a temporary beside its file first, then they are renamed.
 * When one rename fails, the files renamed before it get their old text back.
 * @param pathOf the place on disk of an edit's path. @throws RefusedError when a file changed since it was read
 */
export function writeAll(edits: readonly FileEdit[], pathOf: (path: string) => string): void {
  for (const { path, before } of edits) {
    const place = pathOf(path);
    const now = existsSync(place) ? readText(place, path) : undefined;
    if (now !== before) throw new RefusedError(`${path} changed while the plan was made; plan again`);
  }
  const staged: { temporary: string | undefined; place: string; edit: FileEdit }[] = [];
  const made: string[] = [];
  try {
    for (const edit of edits) {
      const place = pathOf(edit.path);
      if (edit.content === undefined) {
        staged.push({ temporary: undefined, place, edit });
        continue;
      }
      const folder = mkdirSync(dirname(place), { recursive: true });
      if (folder !== undefined) made.push(folder);
      const temporary = temporaryFor(place);
      staged.push({ temporary, place, edit });
      writeFileSync(temporary, edit.content, existsSync(place) ? { mode: statSync(place).mode } : {});
    }
    commit(staged);
  } catch (cause) {
    for (const { temporary } of staged) if (temporary !== undefined) rmSync(temporary, { force: true });
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
    throw new TerminalError(`nothing was written: ${(cause as Error).message}`, { cause });
  }
}

function commit(staged: readonly { temporary: string | undefined; place: string; edit: FileEdit }[]): void {
  const done: { place: string; edit: FileEdit }[] = [];
  try {
    for (const { temporary, place, edit } of staged) {
      if (temporary === undefined) rmSync(place);
      else renameSync(temporary, place);
      done.push({ place, edit });
    }
  } catch (cause) {
    for (const { place, edit } of done.reverse()) restore(place, edit);
    throw cause;
  }
}

function restore(place: string, edit: FileEdit): void {
  if (edit.before === undefined) {
    rmSync(place, { force: true });
    return;
  }
  const temporary = temporaryFor(place);
  writeFileSync(temporary, edit.before, existsSync(place) ? { mode: statSync(place).mode } : {});
  renameSync(temporary, place);
}

function temporaryFor(place: string): string {
  return join(dirname(place), `.${basename(place)}.guard-${randomBytes(6).toString('hex')}`);
}
