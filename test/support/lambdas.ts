import { join } from 'node:path';
import { type Handler, type HandlerSource, handlersOf } from '../../lib/local/functions.js';

export type Handlers = Record<string, HandlerSource>;
/** Runs instead of a handler; `go` is the handler itself. */
export type Around = (
  name: string,
  // biome-ignore lint/suspicious/noExplicitAny: what a handler takes is its own business
  event: any,
  go: () => Promise<unknown>,
) => Promise<unknown>;

/** The real handlers of `lambdas/`, each with something around it. */
export function wrappedLambdas(around: Around): Handlers {
  return Object.fromEntries(
    Object.entries(handlersOf(join(process.cwd(), 'lambdas'))).map(([name, source]) => {
      const handler: Handler = async (event, context) => {
        const real = typeof source === 'function' ? source : await source.load();
        return around(name, event, async () => real(event, context));
      };
      return [name, handler];
    }),
  );
}
