/** Makes the n-th call of any port throw once, as a process that dies before or after the call's effect. */
export interface Interruption {
  /** Calls so far. */
  readonly calls: number;
  readonly happened: boolean;
  dieAt(call: number, when: 'before' | 'after'): void;
  /** The same port; every asynchronous method is counted. */
  wrap<T extends object>(port: T): T;
}

export function createInterruption(): Interruption {
  let calls = 0;
  let planned: { call: number; when: 'before' | 'after' } | undefined;
  let happened = false;

  function die(when: 'before' | 'after', call: number): void {
    if (planned?.call !== call || planned.when !== when) return;
    planned = undefined;
    happened = true;
    throw new Error(`the process died ${when} call ${call}`);
  }

  return {
    get calls() {
      return calls;
    },
    get happened() {
      return happened;
    },
    dieAt(call, when) {
      planned = { call: calls + call, when };
      happened = false;
    },
    wrap(port) {
      return new Proxy(port, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            const call = ++calls;
            die('before', call);
            const answer: unknown = await (member as (...all: unknown[]) => unknown).apply(target, args);
            die('after', call);
            return answer;
          };
        },
      });
    },
  };
}
