import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ConflictError, RefusedError, TerminalError } from '../../domain/errors.js';
import type { FileChange, GitSnapshot, Proposal } from '../../ports/git-host.js';
import type { GitlabClient } from './client.js';
import { orAbsent } from './errors.js';

/** Author of every commit of ours; with the trailer it tells our commits from those of people. */
export const AUTHOR = { name: 'GUARD', email: 'guard@noreply.invalid' } as const;
const TRAILER = 'Guard-Branch: ';
/** Reads of files at once. */
const PARALLEL = 8;

const commit = z.object({
  id: z.string(),
  title: z.string().default(''),
  message: z.string().default(''),
  author_name: z.string().default(''),
  author_email: z.string().default(''),
});
const comparison = z.object({
  commits: z.array(commit),
  diffs: z.array(z.object({ old_path: z.string(), new_path: z.string() })),
});
const branchSchema = z.object({ commit: z.object({ id: z.string() }) });
const fileSchema = z.object({
  last_commit_id: z.string(),
  content: z.string(),
  encoding: z.string().optional(),
});

type Snapshot = (project: string, ref: string) => Promise<GitSnapshot>;

/**
 * Makes the branch hold exactly the proposal's commits on its base; does nothing when it does already. A branch
 * of an earlier run (killed half way, or on an older base) is renewed, unless somebody else has worked on it.
 * @returns whether commits were written. @throws RefusedError (someone's commit), ConflictError (a file changed).
 */
export async function ensureBranch(
  client: GitlabClient,
  snapshot: Snapshot,
  project: string,
  proposal: Proposal,
): Promise<boolean> {
  const existing = await orAbsent(client.branches.show(project, proposal.branch));
  if (existing) {
    const head = read(branchSchema, existing, `branch ${proposal.branch}`).commit.id;
    if (await isAsWanted(client, snapshot, project, proposal, head)) return false;
  }
  await write(client, project, proposal, existing !== undefined);
  return true;
}

async function isAsWanted(
  client: GitlabClient,
  snapshot: Snapshot,
  project: string,
  proposal: Proposal,
  head: string,
): Promise<boolean> {
  const { commits, diffs } = read(
    comparison,
    await client.repositories.compare(project, proposal.targetBranch, head),
    `comparison of ${proposal.branch}`,
  );
  const other = commits.find((one) => !isOurs(one, proposal.branch));
  if (other) {
    throw new RefusedError(
      `Branch ${proposal.branch} of ${project} has commit ${other.id.slice(0, 8)} of ${other.author_name}, which is not GUARD's: ` +
        'GUARD does not write over it. Take the commit elsewhere and delete the branch, or cancel the rollout.',
      { context: { project, branch: proposal.branch, commit: other.id } },
    );
  }
  if (commits.length !== proposal.commits.length) return false;
  const wanted = finalContents(proposal);
  const changed = new Set(diffs.flatMap((diff) => [diff.old_path, diff.new_path]));
  if (changed.size !== wanted.size || [...wanted.keys()].some((path) => !changed.has(path))) return false;
  const { files } = await snapshot(project, head);
  return [...wanted].every(([path, content]) => files.get(path) === content);
}

function isOurs(one: z.infer<typeof commit>, branch: string): boolean {
  const lines = one.message.split('\n').map((line) => line.trim());
  return one.author_email === AUTHOR.email && lines.includes(`${TRAILER}${branch}`);
}

function finalContents(proposal: Proposal): Map<string, string | undefined> {
  const wanted = new Map<string, string | undefined>();
  for (const { files } of proposal.commits) for (const file of files) wanted.set(file.path, file.content);
  return wanted;
}

async function write(
  client: GitlabClient,
  project: string,
  proposal: Proposal,
  exists: boolean,
): Promise<void> {
  const { branch, base, commits } = proposal;
  if (commits.length === 0) throw new RefusedError(`Nothing to propose on ${branch}: no commit was given`);
  if (!/^[0-9a-f]{40}$/.test(base))
    throw new TerminalError(`Base of ${branch} must be a whole SHA, not "${base}"`);
  const last = await lastCommits(client, project, proposal);
  for (const [index, { message, files }] of commits.entries()) {
    const made = await client.commits.create(
      project,
      branch,
      `${message.trimEnd()}\n\n${TRAILER}${branch}`,
      files.map((file) => actionOf(file, last.get(file.path))),
      {
        authorName: AUTHOR.name,
        authorEmail: AUTHOR.email,
        // Creates the branch in the same call; on an earlier run's branch it needs `force`, which replaces it.
        ...(index === 0 ? { startSha: base, ...(exists ? { force: true } : {}) } : {}),
      } as never,
    );
    const { id } = read(commit, made, `commit on ${branch}`);
    for (const file of files) {
      if (file.content === undefined) last.delete(file.path);
      else last.set(file.path, id);
    }
  }
}

function actionOf(file: FileChange, lastCommitId: string | undefined) {
  if (file.content === undefined) return { action: 'delete' as const, filePath: file.path, lastCommitId };
  if (lastCommitId === undefined)
    return { action: 'create' as const, filePath: file.path, content: file.content };
  return { action: 'update' as const, filePath: file.path, content: file.content, lastCommitId };
}

/** For every file that exists at the base: the last commit that touched it, once its text is what was read. */
async function lastCommits(
  client: GitlabClient,
  project: string,
  proposal: Proposal,
): Promise<Map<string, string>> {
  const first = new Map<string, FileChange>();
  for (const { files } of proposal.commits)
    for (const file of files) if (!first.has(file.path)) first.set(file.path, file);
  const existing = [...first.values()].filter((file) => file.before !== undefined);
  const last = new Map<string, string>();
  for (let at = 0; at < existing.length; at += PARALLEL) {
    const part = existing.slice(at, at + PARALLEL);
    await Promise.all(
      part.map(async (file) => {
        const shown = await orAbsent(client.files.show(project, file.path, proposal.base));
        const wire = shown && read(fileSchema, shown, file.path);
        if (!wire || sha256(decode(wire)) !== sha256(Buffer.from(file.before!, 'utf8'))) {
          throw new ConflictError(
            `${file.path} of ${project} at ${proposal.base.slice(0, 8)} is not what was read: plan again`,
            { context: { project, path: file.path, base: proposal.base } },
          );
        }
        last.set(file.path, wire.last_commit_id);
      }),
    );
  }
  return last;
}

function decode(file: z.infer<typeof fileSchema>): Buffer {
  return Buffer.from(file.content, file.encoding === 'text' ? 'utf8' : 'base64');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function read<T>(schema: z.ZodType<T>, body: unknown, what: string): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new TerminalError(`GitLab's answer about ${what} has an unknown shape: ${where}`);
}
