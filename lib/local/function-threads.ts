import { Worker } from 'node:worker_threads';

/** Threads of their own for handlers, as Lambda runs them outside of Step Functions. */
export interface FunctionThreads {
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

/**
 * A call goes to a thread that has nothing to do, as Lambda sends it to such a container. A thread is started when all
 * others are busy, so that it has the environment of that moment; when there are `most` of them, calls share one.
 */
export function createFunctionThreads(most: number): FunctionThreads {
  const threads = Array.from({ length: most }, createThread);
  return {
    call(file, payload, context) {
      const [least] = [...threads].sort((a, b) => a.busy() - b.busy() || Number(b.warm()) - Number(a.warm()));
      return least!.call(file, payload, context);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

interface FunctionThread extends FunctionThreads {
  /** Calls that run. */
  busy(): number;
  warm(): boolean;
}

function createThread(): FunctionThread {
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
    busy: () => current?.waiting.size ?? 0,
    warm: () => current !== undefined,
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
