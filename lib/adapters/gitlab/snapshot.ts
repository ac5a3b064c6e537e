import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import * as z from 'zod';
import { GuardError, RetryableError, TerminalError } from '../../domain/errors.js';
import { isManifestFile } from '../../domain/manifest-files.js';
import type { GitSnapshot } from '../../ports/git-host.js';
import type { GitlabClient } from './client.js';

export interface SnapshotOptions {
  /** Trees kept in memory. Default 4. */
  readonly cacheSize?: number;
  /** All manifests of one tree. Default 128 MiB. */
  readonly maxBytes?: number;
  /** All of an unpacked archive, manifests or not. Default 1 GiB. */
  readonly maxUnpackedBytes?: number;
}

const SHA = /^[0-9a-f]{40}$/;
const commitSchema = z.object({ id: z.string().regex(SHA) });

/** Trees by commit: one archive instead of a request a file; a commit never changes, so it is kept. */
export function createSnapshots(client: GitlabClient, options: SnapshotOptions = {}) {
  const kept = new Map<string, GitSnapshot>();
  const underway = new Map<string, Promise<GitSnapshot>>();

  return async function snapshot(project: string, ref: string): Promise<GitSnapshot> {
    const sha = SHA.test(ref) ? ref : await resolve(client, project, ref);
    const key = `${project}@${sha}`;
    const known = kept.get(key);
    if (known) {
      kept.delete(key);
      kept.set(key, known);
      return known;
    }
    let promise = underway.get(key);
    if (!promise) {
      promise = load(client, project, sha, options)
        .then((loaded) => {
          kept.set(key, loaded);
          for (const oldest of kept.keys()) {
            if (kept.size <= (options.cacheSize ?? 4)) break;
            kept.delete(oldest);
          }
          return loaded;
        })
        .finally(() => underway.delete(key));
      underway.set(key, promise);
    }
    return promise;
  };
}

async function resolve(client: GitlabClient, project: string, ref: string): Promise<string> {
  const parsed = commitSchema.safeParse(await client.commits.show(project, ref));
  if (!parsed.success) throw new TerminalError(`GitLab's answer for ${project}@${ref} names no commit`);
  return parsed.data.id;
}

async function load(client: GitlabClient, project: string, sha: string, options: SnapshotOptions) {
  const archive = await client.repositories.showArchive(project, { sha, fileType: 'tar.gz', asStream: true });
  return { sha, files: await unpack(archive as unknown as Buffer, `${project}@${sha}`, options) };
}

/** Manifests of a gzipped tar, without its top folder. A file that is not UTF-8 is left out: it cannot be edited byte for byte. */
export async function unpack(
  archive: Buffer,
  what: string,
  { maxBytes = 128 * 1024 * 1024, maxUnpackedBytes = 1024 * 1024 * 1024 }: SnapshotOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  // A byte order mark is part of the file.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let [unpacked, yaml] = [0, 0];
  const gunzip = createGunzip();
  const extract = tar.extract();
  const source = Readable.from([archive]);
  source.on('error', (error) => gunzip.destroy(error));
  gunzip.on('error', (error) => extract.destroy(error));
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.byteLength;
    if (unpacked > maxUnpackedBytes) gunzip.destroy(tooLarge(what, maxUnpackedBytes));
  });
  source.pipe(gunzip).pipe(extract);
  try {
    for await (const entry of extract) {
      const { name, type } = entry.header;
      const path = name.replace(/^(\.\/)?[^/]+\//, '');
      if (type !== 'file' || !isManifestFile(path)) {
        entry.resume();
        continue;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        yaml += chunk.byteLength;
        if (yaml > maxBytes) throw tooLarge(what, maxBytes);
        chunks.push(chunk);
      }
      try {
        files.set(path, decoder.decode(Buffer.concat(chunks)));
      } catch {
        // Not text.
      }
    }
  } catch (error) {
    if (error instanceof GuardError) throw error;
    // A cut-off archive looks like a smaller tree: never use what was read so far.
    throw new RetryableError(`The archive of ${what} is not whole`, { cause: error });
  }
  return files;
}

function tooLarge(what: string, limit: number): TerminalError {
  return new TerminalError(`The tree of ${what} is too large: more than ${limit} bytes`);
}
