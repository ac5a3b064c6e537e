/** GitLab, narrowed to what GUARD does. It has no method that merges: GUARD never merges. */
export interface GitHost {
  /** Every manifest at a commit. Cached by commit. `ref`: a branch or a SHA. */
  snapshot(project: string, ref: string): Promise<GitSnapshot>;
  /** Find or create: the branch with exactly these commits on `base`, and its one open merge request. */
  propose(project: string, proposal: Proposal): Promise<MergeRequest>;
  mergeRequest(
    project: string,
    which: { iid: number } | { branch: string },
  ): Promise<MergeRequest | undefined>;
  /** Only what is given changes. A draft is a title prefix in GitLab; here it is a field. */
  update(project: string, iid: number, change: MergeRequestChange): Promise<MergeRequest>;
  /** Find or create: the note that carries `marker` (an HTML comment); its body is replaced when it differs. */
  note(project: string, iid: number, marker: string, body: string): Promise<void>;
  /** Commits that touched a file since a commit (exclusive), newest first, at most 20. */
  fileHistory(project: string, path: string, ref: string, since?: string): Promise<GitCommit[]>;
}

export interface GitSnapshot {
  readonly sha: string;
  /** Path to exact text, of the files that `isManifestFile` names. */
  readonly files: ReadonlyMap<string, string>;
}

export interface GitCommit {
  readonly sha: string;
  readonly title: string;
  readonly author: string;
  /** ISO 8601 */
  readonly at: string;
  readonly url?: string;
}

export interface Proposal {
  readonly branch: string;
  readonly targetBranch: string;
  /** Commit of the target branch on which the change was computed. */
  readonly base: string;
  /** In this order: CRDs, control plane, data plane. */
  readonly commits: readonly { readonly message: string; readonly files: readonly FileChange[] }[];
  readonly title: string;
  readonly description: string;
  readonly draft: boolean;
  readonly labels: readonly string[];
  /** `@handle`s; those that cannot be resolved are left out and reported in `MergeRequest.warnings`. */
  readonly assignees: readonly string[];
  readonly reviewers: readonly string[];
}

export interface FileChange {
  readonly path: string;
  /** `undefined` deletes the file. */
  readonly content: string | undefined;
  /** The text that was read at `base`; the host refuses when the file has changed since. `undefined`: new. */
  readonly before: string | undefined;
}

export interface MergeRequestChange {
  readonly title?: string;
  readonly description?: string;
  readonly draft?: boolean;
  readonly state?: 'closed';
  readonly addLabels?: readonly string[];
}

export interface MergeRequest {
  readonly iid: number;
  readonly url: string;
  /** Without the draft prefix. */
  readonly title: string;
  readonly description: string;
  readonly draft: boolean;
  readonly state: 'opened' | 'closed' | 'merged' | 'locked';
  readonly branch: string;
  readonly targetBranch: string;
  readonly labels: readonly string[];
  /** Head of the source branch. */
  readonly sha: string;
  /** Commit on the target branch; `undefined` until GitLab shows it. */
  readonly landedSha?: string;
  /** The target branch just before that: what the merge itself changed is the difference. With `landedSha`. */
  readonly landedOn?: string;
  readonly mergedAt?: string;
  readonly mergedBy?: string;
  readonly commits: number;
  readonly warnings: readonly string[];
}
