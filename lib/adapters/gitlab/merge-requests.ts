import * as z from 'zod';
import { TerminalError } from '../../domain/errors.js';
import type { MergeRequest } from '../../ports/git-host.js';
import type { GitlabClient } from './client.js';

/** The few fields that are used; everything else GitLab may change. */
export const mergeRequestSchema = z.object({
  iid: z.number().int(),
  web_url: z.string(),
  title: z.string(),
  description: z.string().nullish(),
  state: z.string(),
  draft: z.boolean().optional(),
  source_branch: z.string(),
  target_branch: z.string(),
  labels: z.array(z.string()).default([]),
  sha: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
  merged_at: z.string().nullish(),
  merge_user: z.object({ username: z.string() }).nullish(),
  merged_by: z.object({ username: z.string() }).nullish(),
  assignees: z.array(z.object({ id: z.number() })).nullish(),
  reviewers: z.array(z.object({ id: z.number() })).nullish(),
});
export type WireMergeRequest = z.infer<typeof mergeRequestSchema>;

/** GitLab's own list; matched without regard to case. */
const DRAFT = /^\s*(?:draft:|\[draft\]|\(draft\))\s*/i;

export function withoutDraft(title: string): string {
  let rest = title;
  while (DRAFT.test(rest)) rest = rest.replace(DRAFT, '');
  return rest;
}

/** A draft is a title's prefix: there is no other way to write it. */
export function titleOf(title: string, draft: boolean): string {
  return `${draft ? 'Draft: ' : ''}${withoutDraft(title)}`.slice(0, 255);
}

export function readMergeRequest(body: unknown): WireMergeRequest {
  const parsed = mergeRequestSchema.safeParse(body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new TerminalError(`GitLab's merge request has an unknown shape: ${where}`);
}

const STATES = ['opened', 'closed', 'merged', 'locked'] as const;

export function toMergeRequest(
  wire: WireMergeRequest,
  more: { commits: number; landedSha?: string; landedOn?: string; warnings?: readonly string[] },
): MergeRequest {
  const state = STATES.find((known) => known === wire.state);
  if (!state) throw new TerminalError(`Merge request !${wire.iid} is in the unknown state "${wire.state}"`);
  const mergedBy = wire.merge_user?.username ?? wire.merged_by?.username;
  return {
    iid: wire.iid,
    url: wire.web_url,
    title: withoutDraft(wire.title),
    description: wire.description ?? '',
    draft: wire.draft ?? DRAFT.test(wire.title),
    state,
    branch: wire.source_branch,
    targetBranch: wire.target_branch,
    labels: wire.labels,
    sha: wire.sha ?? '',
    ...(more.landedSha ? { landedSha: more.landedSha } : {}),
    ...(more.landedOn ? { landedOn: more.landedOn } : {}),
    ...(wire.merged_at ? { mergedAt: wire.merged_at } : {}),
    ...(mergedBy ? { mergedBy } : {}),
    commits: more.commits,
    warnings: more.warnings ?? [],
  };
}

/** With its commits counted and its landed commit looked up. */
export async function complete(
  client: GitlabClient,
  project: string,
  wire: WireMergeRequest,
  now: number,
  warnings: readonly string[] = [],
): Promise<MergeRequest> {
  const [commits, landedSha] = await Promise.all([
    client.mergeRequests.allCommits(project, wire.iid, { perPage: 100 }),
    landedShaOf(client, project, wire, now),
  ]);
  const landedOn = landedSha && (await branchBefore(client, project, landedSha, commits));
  return toMergeRequest(wire, { commits: commits.length, landedSha, landedOn, warnings });
}

const idSchema = z.object({ id: z.string() });
const parentsSchema = z.object({ parent_ids: z.array(z.string()).min(1) });

/**
 * The target branch before the merge: the first parent of a merge or squash commit; after a fast-forward merge
 * the first ancestor that is no commit of the request. The request's own list of commits has no parents.
 */
async function branchBefore(
  client: GitlabClient,
  project: string,
  landedSha: string,
  listed: readonly unknown[],
): Promise<string> {
  const own = new Set(listed.map((one) => idSchema.parse(one).id));
  let sha = landedSha;
  do {
    const parsed = parentsSchema.safeParse(await client.commits.show(project, sha));
    if (!parsed.success) throw new TerminalError(`GitLab's commit ${sha} names no parent`);
    own.delete(sha);
    sha = parsed.data.parent_ids[0]!;
  } while (own.has(sha));
  return sha;
}

/** GitLab shows the commit of a merge within seconds. */
const SHOWN_AFTER_MS = 60_000;

/**
 * The commit on the target branch. A fast-forward merge leaves both SHAs of the merge null, and the head itself
 * has landed; but they are also null for a moment after every other merge, so the head counts only when that
 * moment is over and the target branch contains it.
 */
async function landedShaOf(client: GitlabClient, project: string, wire: WireMergeRequest, now: number) {
  if (wire.state !== 'merged') return undefined;
  const shown = wire.merge_commit_sha ?? wire.squash_commit_sha;
  if (shown || !wire.sha) return shown ?? undefined;
  // After an ordinary merge the target branch contains the head, too, but not yet as what landed.
  if (now - Date.parse(wire.merged_at ?? '') < SHOWN_AFTER_MS) return undefined;
  const ahead = await client.repositories.compare(project, wire.target_branch, wire.sha);
  return Array.isArray(ahead.commits) && ahead.commits.length === 0 ? wire.sha : undefined;
}

/** The request of a branch: the open one, else the merged one, else the newest. */
export async function findByBranch(
  client: GitlabClient,
  project: string,
  sourceBranch: string,
  targetBranch?: string,
): Promise<WireMergeRequest | undefined> {
  const listed = await client.mergeRequests.all({
    projectId: project,
    sourceBranch,
    ...(targetBranch ? { targetBranch } : {}),
    state: 'all' as never,
    perPage: 100,
  });
  const found = (listed as unknown[])
    .map(readMergeRequest)
    .filter(
      (one) => one.source_branch === sourceBranch && (!targetBranch || one.target_branch === targetBranch),
    )
    .sort((a, b) => rank(a.state) - rank(b.state) || b.iid - a.iid);
  return found[0];
}

function rank(state: string): number {
  return ['opened', 'locked', 'merged'].indexOf(state) === -1
    ? 3
    : ['opened', 'locked', 'merged'].indexOf(state);
}
