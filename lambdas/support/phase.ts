import type { z } from 'zod';
import type { Config } from '../../lib/config/schema.js';
import { messageOf, UsageError } from '../../lib/domain/errors.js';
import type { Log } from '../../lib/ports/log.js';
import type { MetricSample } from '../../lib/ports/own-metrics.js';
import { type Runtime, runtimeOf } from './runtime.js';

/** What a call that came back says in metrics. */
type Samples<I, P, R> = (call: {
  input: I;
  output: R;
  ms: number;
  ports: P & Base;
}) => MetricSample[] | Promise<MetricSample[]>;

type Base = { config: Config; log: Log; now: () => number };
/** Of handlers whose metrics go to more than the log; it never throws. */
type Sending = { sendMetrics?: () => Promise<void> };

/**
 * A handler of a phase: parse the event, give the phase the adapters it names, return what it returns. Errors
 * keep their name, which the state machines match.
 */
export function phaseHandler<Schema extends z.ZodType, P, R>(
  schema: Schema,
  phase: (input: z.infer<Schema>, ports: P & Base) => Promise<R>,
  adapters: (runtime: Runtime) => P,
  samples?: Samples<z.infer<Schema>, P, R>,
): (event: unknown) => Promise<R> {
  return async (event) => {
    const runtime = runtimeOf(process.env);
    const input = parseEvent(schema, event);
    const log = runtime.log.withRollout(rolloutOf(input));
    const ports = { config: runtime.config, now: runtime.now, log, ...adapters(runtime) };
    const began = performance.now();
    try {
      const output = await phase(input, ports);
      const ms = Math.round(performance.now() - began);
      try {
        if (samples) runtime.metricsLog.record(await samples({ input, output, ms, ports }));
      } catch (error) {
        // What was done is done; a metric is not worth doing it again.
        log.warn('no metric', { reason: messageOf(error) });
      }
      return output;
    } finally {
      // Lambda stops the clock of what is not awaited.
      await (ports as Sending).sendMetrics?.();
    }
  };
}

export function parseEvent<Schema extends z.ZodType>(schema: Schema, event: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
  throw new UsageError(`bad input: ${issues.slice(0, 5).join('; ')}`);
}

function rolloutOf(input: unknown): string {
  const value = (input as { rollout?: unknown } | null)?.rollout;
  return typeof value === 'string' ? value : '';
}
