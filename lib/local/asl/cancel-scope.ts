/** What can be called off: an execution, and below it the lines of each Map and Parallel. */
export class CancelScope {
  private readonly listeners = new Set<() => void>();
  private over = false;

  get cancelled(): boolean {
    return this.over;
  }

  child(): CancelScope {
    const scope = new CancelScope();
    if (this.over) scope.over = true;
    else this.onCancel(() => scope.cancel());
    return scope;
  }

  /** Answers how to stop listening. */
  onCancel(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  cancel(): void {
    if (this.over) return;
    this.over = true;
    for (const listener of [...this.listeners]) listener();
    this.listeners.clear();
  }
}
