import * as z from 'zod';
import { ConflictError } from '../../domain/errors.js';
import { cutMarkdown, disarm } from '../../domain/markdown.js';
import type { GitCommit, GitHost, MergeRequestChange, Proposal } from '../../ports/git-host.js';
import { ensureBranch } from './branch.js';
import { createGitlabClient, type GitlabClient, type GitlabClientOptions } from './client.js';
import { orAbsent, statusOf } from './errors.js';
import {
  complete,
  findByBranch,
  readMergeRequest,
  titleOf,
  type WireMergeRequest,
} from './merge-requests.js';
import { createPeople } from './people.js';
import { createSnapshots, type SnapshotOptions } from './snapshot.js';

export type GitHostOptions = GitlabClientOptions & SnapshotOptions;

/** GitLab refuses more than 1,048,576 characters. */
const MAX_TEXT = 1_000_000;
const CUT = '_The text was too long for GitLab and was cut. The whole of it: `guard status`._';
const MAX_HISTORY = 20;

/** The GitLab side of `GitHost`. It has no call that merges. */
export function createGitHost(options: GitHostOptions): GitHost {
  const client = createGitlabClient(options);
  const now = options.now ?? Date.now;
  const snapshot = createSnapshots(client, options);
  const people = createPeople(client);

  return {
    snapshot,

    async propose(project, proposal) {
      const found = await findByBranch(client, project, proposal.branch, proposal.targetBranch);
      // Merged between two runs of the same step: a second request would ask for the same change again.
      if (found && (found.state === 'merged' || found.state === 'locked'))
        return complete(client, project, await show(client, project, found.iid), now());
      const written = await ensureBranch(client, snapshot, project, proposal);
      const open = found?.state === 'opened' ? found : undefined;
      const assignees = await people(proposal.assignees, 'assignee');
      const reviewers = await people(proposal.reviewers, 'reviewer');
      const warnings = [...assignees.warnings, ...reviewers.warnings];
      const description = bounded(proposal.description, warnings);
      const wire = open
        ? await renew(client, project, open, { ...proposal, description }, written, { assignees, reviewers })
        : await create(client, project, { ...proposal, description }, { assignees, reviewers });
      if (
        (wire.assignees ?? []).length < assignees.ids.length ||
        (wire.reviewers ?? []).length < reviewers.ids.length
      )
        warnings.push('GitLab kept fewer assignees or reviewers than asked for (one on its free plan)');
      return complete(client, project, wire, now(), warnings);
    },

    async mergeRequest(project, which) {
      const iid = 'iid' in which ? which.iid : (await findByBranch(client, project, which.branch))?.iid;
      if (iid === undefined) return undefined;
      const body = await orAbsent(client.mergeRequests.show(project, iid));
      return body === undefined ? undefined : complete(client, project, readMergeRequest(body), now());
    },

    async update(project, iid, change) {
      const wire = await show(client, project, iid);
      const warnings: string[] = [];
      const edits = editsOf(wire, change, warnings);
      const after =
        Object.keys(edits).length === 0
          ? wire
          : readMergeRequest(await client.mergeRequests.edit(project, iid, edits as never));
      return complete(client, project, after, now(), warnings);
    },

    async note(project, iid, marker, body) {
      const text = bounded(body.includes(marker) ? body : `${marker}\n\n${body}`, []);
      const notes = await client.notes.all(project, iid, { perPage: 100, sort: 'asc' });
      // A person can quote our marker; GitLab lets us edit only our own note, which is the oldest.
      const ours = notes.find((note) => !note.system && note.body.includes(marker));
      if (!ours) await client.notes.create(project, iid, text);
      else if (!sameText(ours.body, text)) await client.notes.edit(project, iid, ours.id, { body: text });
    },

    async fileHistory(project, path, ref, since) {
      const refName = since === undefined ? ref : `${since}..${ref}`;
      const listed = await client.commits.all(project, { refName, path, perPage: MAX_HISTORY, page: 1 });
      return commitsSchema
        .parse(listed)
        .filter((commit) => commit.id !== since)
        .slice(0, MAX_HISTORY)
        .map(toCommit);
    },
  };
}

const commitsSchema = z.array(
  z.object({
    id: z.string(),
    title: z.string(),
    author_name: z.string(),
    committed_date: z.coerce.string(),
    web_url: z.string().nullish(),
  }),
);

function toCommit(wire: z.infer<typeof commitsSchema>[number]): GitCommit {
  const at = new Date(wire.committed_date);
  return {
    sha: wire.id,
    title: wire.title,
    author: wire.author_name,
    at: Number.isNaN(at.getTime()) ? wire.committed_date : at.toISOString(),
    ...(wire.web_url ? { url: wire.web_url } : {}),
  };
}

interface Assigned {
  readonly assignees: { readonly ids: readonly number[] };
  readonly reviewers: { readonly ids: readonly number[] };
}

async function create(client: GitlabClient, project: string, proposal: Proposal, who: Assigned) {
  const { branch, targetBranch, title, draft, description, labels } = proposal;
  try {
    const body = await client.mergeRequests.create(project, branch, targetBranch, titleOf(title, draft), {
      description,
      labels: labels.join(',') as never,
      assigneeIds: [...who.assignees.ids] as never,
      reviewerIds: [...who.reviewers.ids],
      removeSourceBranch: true,
    });
    return readMergeRequest(body);
  } catch (error) {
    // Another run of this step was faster: its request is the one.
    if (statusOf(error) !== 409) throw error;
    const found = await findByBranch(client, project, branch, targetBranch);
    if (found?.state === 'opened') return found;
    throw new ConflictError(
      `GitLab says that ${branch} has an open merge request, and does not list it yet`,
      {
        cause: error,
      },
    );
  }
}

/** What people did to the request stays: a removed draft mark (unless new commits came), their labels, assignees. */
async function renew(
  client: GitlabClient,
  project: string,
  open: WireMergeRequest,
  proposal: Proposal,
  written: boolean,
  who: Assigned,
): Promise<WireMergeRequest> {
  const { title, description, labels, draft } = proposal;
  const edits: Record<string, unknown> = editsOf(
    open,
    { title, description, addLabels: labels, ...(written ? { draft } : {}) },
    [],
  );
  if ((open.assignees ?? []).length === 0 && who.assignees.ids.length > 0)
    edits.assigneeIds = who.assignees.ids;
  if ((open.reviewers ?? []).length === 0 && who.reviewers.ids.length > 0)
    edits.reviewerIds = who.reviewers.ids;
  // Read again even without an edit: the list may be older than the commits that were just written.
  if (Object.keys(edits).length === 0) return show(client, project, open.iid);
  return readMergeRequest(await client.mergeRequests.edit(project, open.iid, edits as never));
}

/** Only what differs, in gitbeaker's spelling. */
function editsOf(
  wire: WireMergeRequest,
  change: MergeRequestChange,
  warnings: string[],
): Record<string, unknown> {
  const edits: Record<string, unknown> = {};
  const isDraft = wire.draft ?? titleOf(wire.title, true) === wire.title;
  const title = titleOf(change.title ?? wire.title, change.draft ?? isDraft);
  const changesTitle = change.title !== undefined || (change.draft !== undefined && change.draft !== isDraft);
  if (changesTitle && title !== wire.title) edits.title = title;
  if (change.description !== undefined) {
    const description = bounded(change.description, warnings);
    if (!sameText(wire.description ?? '', description)) edits.description = description;
  }
  if (change.state === 'closed' && wire.state === 'opened') edits.stateEvent = 'close';
  const missing = (change.addLabels ?? []).filter((label) => !wire.labels.includes(label));
  if (missing.length > 0) edits.addLabels = missing.join(',');
  return edits;
}

async function show(client: GitlabClient, project: string, iid: number): Promise<WireMergeRequest> {
  return readMergeRequest(await client.mergeRequests.show(project, iid));
}

function bounded(text: string, warnings: string[]): string {
  const safe = disarm(text);
  if (safe.length <= MAX_TEXT) return safe;
  warnings.push(`the text has ${safe.length} characters and was cut to ${MAX_TEXT}`);
  return cutMarkdown(safe, MAX_TEXT, CUT);
}

/** GitLab may change line ends and drop trailing blanks. */
function sameText(a: string, b: string): boolean {
  const plain = (text: string) => text.replace(/\r\n/g, '\n').trimEnd();
  return plain(a) === plain(b);
}
