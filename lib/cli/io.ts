/** What a command may do to the outside; tests give their own. */
export interface Io {
  /** One line (or block) on stdout. */
  out(text: string): void;
  /** One line on stderr. */
  err(text: string): void;
  /** 0 done, 1 failed, 2 usage, 3 refused by a rule. The highest that was said counts. */
  exit(code: number): void;
  readonly color: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;
