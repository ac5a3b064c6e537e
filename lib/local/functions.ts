import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { functionName, handlerName } from '../config/names.js';
import { UsageError } from '../domain/errors.js';
import type { EngineClock } from './clock.js';
import { createFunctionThreads } from './function-threads.js';

/** The part of Lambda's context that handlers use. */
export interface LambdaContext {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly callbackWaitsForEmptyEventLoop: boolean;
  /** Real milliseconds: simulated time stands still while a handler runs. */
  getRemainingTimeInMillis(): number;
}

// biome-ignore lint/suspicious/noExplicitAny: what a handler takes is its own business, as with Lambda
export type Handler = (event: any, context: LambdaContext) => unknown;

/** A handler, or how to load it at its first call: into this thread, or by its file's URL into another. */
export type HandlerSource = Handler | { readonly load: () => Promise<Handler>; readonly url?: string };

export interface FunctionCalls {
  invocations: number;
  errors: number;
  /** Real milliseconds of all of them together. */
  ms: number;
}

export interface Functions {
  /** Names of the handlers, as in the placeholders of the state machines. */
  readonly names: readonly string[];
  resolve(nameOrArn: string): string | undefined;
  /** @throws FunctionError with the name and the message of what the handler threw */
  invoke(nameOrArn: string, payload: unknown): Promise<unknown>;
  readonly calls: Readonly<Record<string, FunctionCalls>>;
  /** No call begins any more. False when, after five real seconds, one still runs. */
  close(): Promise<boolean>;
}

/** What is left of an error that crossed Lambda's boundary: its name and its message. */
export class FunctionError extends Error {
  constructor(errorType: string, errorMessage: string, cause?: unknown) {
    super(errorMessage, { cause });
    this.name = errorType;
  }
}

/** Lambda's limit for a synchronous payload or result. */
const MOST_BYTES = 6 * 1024 * 1024;
const GRACE_MS = 5000;

/** The handler table of a folder: `check-cluster.ts` is the handler `CheckCluster`. Loaded at the first call. */
export function handlersOf(folder: string): Record<string, HandlerSource> {
  const table: Record<string, HandlerSource> = {};
  if (!existsSync(folder)) return table;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const base = /^([a-z0-9-]+)\.(ts|js|mjs)$/.exec(entry.name)?.[1];
    if (!entry.isFile() || base === undefined) continue;
    const name = handlerName(base);
    if (name in table) throw new UsageError(`${folder}: two files are the handler ${name}; remove one`);
    const path = join(folder, entry.name);
    table[name] = { load: () => loadHandler(path), url: pathToFileURL(path).href };
  }
  return table;
}

export async function loadHandler(file: string): Promise<Handler> {
  const module = (await import(pathToFileURL(file).href)) as { handler?: unknown };
  if (typeof module.handler !== 'function') {
    throw new UsageError(`${file}: exports no function named handler`);
  }
  return module.handler as Handler;
}

export function createFunctions(options: {
  clock: EngineClock;
  region: string;
  account: string;
  handlers: Readonly<Record<string, HandlerSource>>;
  /** Real seconds that one call may take. */
  timeoutSeconds?: number;
  /** Handlers that are files run in so many threads of their own, beside the engine. Default: none, in the engine's. */
  threads?: number;
}): Functions {
  const { clock, handlers } = options;
  const names = Object.keys(handlers).sort();
  const byFunctionName = new Map(names.map((name) => [functionName(name), name]));
  const calls: Record<string, FunctionCalls> = Object.fromEntries(
    names.map((name) => [name, { invocations: 0, errors: 0, ms: 0 }]),
  );
  const loaded = new Map<string, Promise<Handler>>();
  const timeoutMs = (options.timeoutSeconds ?? 300) * 1000;
  const running = new Set<Promise<unknown>>();
  const threads = options.threads ? createFunctionThreads(options.threads) : undefined;
  let closed = false;

  function resolve(nameOrArn: string): string | undefined {
    const arn = /^arn:aws:lambda:[^:]+:[^:]+:function:([^:]+)/.exec(nameOrArn)?.[1];
    const name = arn ?? nameOrArn;
    return byFunctionName.get(name) ?? (Object.hasOwn(handlers, name) ? name : undefined);
  }

  function handlerOf(name: string): Promise<Handler> {
    const source = handlers[name]!;
    if (typeof source === 'function') return Promise.resolve(source);
    let handler = loaded.get(name);
    if (handler === undefined) {
      handler = source.load();
      loaded.set(name, handler);
      // As with Lambda, a start that failed is tried again at the next call.
      handler.catch(() => loaded.delete(name));
    }
    return handler;
  }

  async function run(name: string, payload: unknown): Promise<unknown> {
    const sent = toJson(payload, 'payload');
    const source = handlers[name]!;
    const url = typeof source === 'function' ? undefined : source.url;
    const away = threads !== undefined && url !== undefined;
    const handler = away ? undefined : await handlerOf(name);
    const deadline = Date.now() + timeoutMs;
    const fullName = functionName(name);
    const fields = {
      functionName: fullName,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:aws:lambda:${options.region}:${options.account}:function:${fullName}`,
      memoryLimitInMB: '512',
      awsRequestId: randomUUID(),
      logGroupName: `/aws/lambda/${fullName}`,
      logStreamName: 'local',
      callbackWaitsForEmptyEventLoop: true,
    };
    if (away) {
      const call = () => threads.call(url, sent, { now: clock.now(), deadline, fields });
      const answer = await inTime(call, timeoutMs);
      if ('error' in answer) throw new FunctionError(answer.error.name, answer.error.message);
      return JSON.parse(fits(answer.result ?? 'null', 'response'));
    }
    const getRemainingTimeInMillis = () => Math.max(0, deadline - Date.now());
    const context: LambdaContext = { ...fields, getRemainingTimeInMillis };
    const result = await inTime(async () => handler!(JSON.parse(sent), context), timeoutMs);
    return JSON.parse(toJson(result, 'response'));
  }

  return {
    names,
    resolve,
    calls,
    invoke(nameOrArn, payload) {
      const call = clock.busy(() => counted(nameOrArn, payload));
      const settled: Promise<unknown> = call.catch(() => {}).finally(() => running.delete(settled));
      running.add(settled);
      return call;
    },
    async close() {
      closed = true;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, GRACE_MS);
      });
      await Promise.race([Promise.all(running), late]);
      clearTimeout(timer);
      await threads?.close();
      return running.size === 0;
    },
  };

  async function counted(nameOrArn: string, payload: unknown): Promise<unknown> {
    const name = resolve(nameOrArn);
    if (name === undefined) {
      throw new FunctionError('Lambda.ResourceNotFoundException', `Function not found: ${nameOrArn}`);
    }
    if (closed) throw new FunctionError('Lambda.ServiceException', 'The engine has stopped');
    calls[name]!.invocations += 1;
    const began = performance.now();
    try {
      return await run(name, payload);
    } catch (error) {
      calls[name]!.errors += 1;
      throw asFunctionError(error);
    } finally {
      calls[name]!.ms += performance.now() - began;
    }
  }
}

function asFunctionError(error: unknown): FunctionError {
  if (error instanceof FunctionError) return error;
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  if (typeof message === 'string') {
    return new FunctionError(typeof name === 'string' ? name : 'Error', message, error);
  }
  return new FunctionError(typeof error, String(error), error);
}

function toJson(value: unknown, what: 'payload' | 'response'): string {
  return fits(JSON.stringify(value) ?? 'null', what);
}

function fits(text: string, what: 'payload' | 'response'): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_BYTES) return text;
  const name = what === 'payload' ? 'Lambda.RequestTooLargeException' : 'Function.ResponseSizeTooLarge';
  throw new FunctionError(name, `The ${what} has ${bytes} bytes; Lambda takes ${MOST_BYTES}`);
}

async function inTime<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
      reject(new FunctionError('Sandbox.Timedout', message));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
