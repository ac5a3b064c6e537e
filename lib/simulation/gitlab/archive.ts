import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import tar from 'tar-stream';
import type { Commit } from '../git.js';

/** A commit's files as `git archive` packs them, below one folder. */
export async function packArchive(commit: Commit, folder: string): Promise<Buffer> {
  const pack = tar.pack();
  const mtime = new Date(commit.at);
  const made = buffer(pack.pipe(createGzip({ level: 1 })));
  for (const [path, text] of commit.files)
    pack.entry({ name: `${folder}/${path}`, mtime, mode: 0o664 }, text);
  pack.finalize();
  return made;
}
