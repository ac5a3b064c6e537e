import { LOCAL_SECRETS, type LocalFleet } from '../../lib/simulation/fleet.js';

/** What a test reads of a merge request. */
export interface RestMergeRequest {
  readonly iid: number;
  readonly state: 'opened' | 'closed' | 'merged';
  readonly title: string;
  readonly description: string;
  readonly draft: boolean;
  readonly labels: readonly string[];
  readonly sha: string;
  readonly source_branch: string;
  readonly merged_at: string | null;
}

/** A person at the simulated GitLab, over its REST API: what GUARD's own adapter does not do or must not do. */
export interface GitlabRest {
  /** Oldest first. */
  requests(): Promise<RestMergeRequest[]>;
  request(iid: number): Promise<RestMergeRequest>;
  /** Marks as ready, then merges. @throws Error with GitLab's answer */
  merge(iid: number): Promise<void>;
  close(iid: number): Promise<void>;
  reopen(iid: number): Promise<void>;
  notes(iid: number): Promise<string[]>;
  file(path: string, ref?: string): Promise<string>;
  /** Name to head. */
  branches(): Promise<Record<string, string>>;
  /** One commit that writes a whole file; its id. */
  commit(branch: string, path: string, content: string, message?: string): Promise<string>;
}

export function gitlabRest(
  fleet: Pick<LocalFleet, 'gitlab'>,
  token: string = LOCAL_SECRETS.peopleToken,
  project = 'infra/k8s-clusters',
): GitlabRest {
  const base = `${fleet.gitlab.url}/api/v4/projects/${encodeURIComponent(project)}`;

  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'private-token': token, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  const request = (iid: number) => call<RestMergeRequest>('GET', `/merge_requests/${iid}`);
  return {
    request,
    async requests() {
      const all = await call<RestMergeRequest[]>('GET', '/merge_requests?state=all&scope=all&per_page=100');
      return all.sort((a, b) => a.iid - b.iid);
    },
    async merge(iid) {
      const { title } = await request(iid);
      await call('PUT', `/merge_requests/${iid}`, { title: title.replace(/^draft:\s*/i, '') });
      await call('PUT', `/merge_requests/${iid}/merge`);
    },
    async close(iid) {
      await call('PUT', `/merge_requests/${iid}`, { state_event: 'close' });
    },
    async reopen(iid) {
      await call('PUT', `/merge_requests/${iid}`, { state_event: 'reopen' });
    },
    async branches() {
      const all = await call<{ name: string; commit: { id: string } }[]>(
        'GET',
        '/repository/branches?per_page=100',
      );
      return Object.fromEntries(all.map(({ name, commit }) => [name, commit.id]));
    },
    async notes(iid) {
      const notes = await call<{ body: string }[]>('GET', `/merge_requests/${iid}/notes?per_page=100`);
      return notes.map(({ body }) => body);
    },
    async file(path, ref = 'main') {
      const found = await call<{ content: string }>(
        'GET',
        `/repository/files/${encodeURIComponent(path)}?ref=${encodeURIComponent(ref)}`,
      );
      return Buffer.from(found.content, 'base64').toString('utf8');
    },
    async commit(branch, path, content, message = 'A commit by somebody else') {
      const made = await call<{ id: string }>('POST', '/repository/commits', {
        branch,
        commit_message: message,
        actions: [{ action: 'update', file_path: path, content }],
      });
      return made.id;
    },
  };
}
