export type GitlabFaults = Readonly<Record<string, unknown>>;
