import { Worker } from 'node:worker_threads';

/** A thread of its own for handlers, as Lambda runs them outside of Step Functions. */
export interface FunctionThread {
  /**
   * Runs the export `handler` of a file, given by its URL; TypeScript is loaded as it is. `payload` is JSON. Never
   * rejects: what was thrown is an answer.
   */
  call(file: string, payload: string, context: ThreadContext): Promise<ThreadAnswer>;
  /** Whatever still runs ends in the middle. */
  close(): Promise<void>;
}

/** What can travel to a thread of Lambda's context, and the engine's time: it stands still while a handler runs. */
export interface ThreadContext {
  readonly now: number;
  /** Real epoch milliseconds. */
  readonly deadline: number;
  readonly fields: Readonly<Record<string, string | boolean>>;
}

/** JSON of what the handler returned, or the name and the message of what it threw. */
export type ThreadAnswer =
  | { readonly result: string | undefined }
  | { readonly error: { readonly name: string; readonly message: string } };

interface Started {
  readonly worker: Worker;
  readonly waiting: Map<number, (answer: ThreadAnswer) => void>;
}

/** Started at the first call, so that it has the environment of that moment. */
export function createFunctionThread(): FunctionThread {
  let current: Started | undefined;
  let calls = 0;

  function start(): Started {
    const worker = new Worker(new URL('./function-thread-main.js', import.meta.url), {
      env: { ...process.env },
      // Lists of a whole batch live shortly and at once: in the usual 16 MB they are copied about again and again.
      resourceLimits: { maxYoungGenerationSizeMb: 96 },
    });
    const started: Started = { worker, waiting: new Map() };
    worker.on('message', ({ id, answer }: { id: number; answer: ThreadAnswer }) => {
      started.waiting.get(id)?.(answer);
      started.waiting.delete(id);
    });
    // A thread that dies takes its calls with it; the next call gets a new one, as with Lambda.
    const lost = (message: string) => {
      if (current === started) current = undefined;
      for (const answer of started.waiting.values())
        answer({ error: { name: 'Runtime.ExitError', message } });
      started.waiting.clear();
    };
    worker.on('error', (error) => lost(error.message));
    worker.on('exit', (code) => lost(`the handlers' thread ended with code ${code}`));
    return started;
  }

  return {
    call(file, payload, context) {
      current ??= start();
      calls += 1;
      const { worker, waiting } = current;
      const id = calls;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        worker.postMessage({ id, file, payload, context });
      });
    },
    async close() {
      await current?.worker.terminate();
    },
  };
}
