import { appendFileSync, readFileSync } from 'node:fs';
import { now } from '../../lib/adapters/clock.js';
import { createLog, type RolloutLog } from '../../lib/adapters/log.js';
import { createMetricsLog, type MetricsLog } from '../../lib/adapters/metrics-log.js';
import { createRateLimit, type RateLimit } from '../../lib/adapters/shared/rate-limit.js';
import { parseConfig } from '../../lib/config/load.js';
import { DEFAULT_NAMES, ENV } from '../../lib/config/names.js';
import type { Config } from '../../lib/config/schema.js';
import { UsageError } from '../../lib/domain/errors.js';

/** What every handler has: configuration, log, clock, and what was made once for this environment. */
export interface Runtime {
  readonly config: Config;
  readonly log: RolloutLog;
  readonly metricsLog: MetricsLog;
  readonly now: () => number;
  readonly names: {
    readonly registryTable: string;
    readonly journalTable: string;
    readonly eventBus: string;
    readonly stateMachineArn: string;
  };
  /** Makes a thing once and keeps it, with its connections, between invocations. */
  once<T>(name: string, make: () => T): T;
  rateLimit(api: keyof Config['rate_limits']): RateLimit;
}

const runtimes = new Map<string, Runtime>();

/** One runtime per environment: in Lambda that is one; the embedded engine may be started again in one process. */
export function runtimeOf(env: Readonly<Record<string, string | undefined>>): Runtime {
  const key = [...Object.values(ENV), 'AWS_ENDPOINT_URL', 'AWS_REGION']
    .map((name) => env[name] ?? '')
    .join('\n');
  const known = runtimes.get(key);
  if (known) return known;
  const config = readConfig(env);
  const made = new Map<string, unknown>();
  function once<T>(name: string, make: () => T): T {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as T;
  }
  const write = logTarget(env);
  const runtime: Runtime = {
    config,
    log: createLog({
      level: config.logging.level,
      format: config.logging.format,
      service: 'guard',
      write,
    }),
    metricsLog: createMetricsLog({ write, now }),
    now,
    names: {
      registryTable: env[ENV.registryTable] ?? DEFAULT_NAMES.registryTable,
      journalTable: env[ENV.journalTable] ?? DEFAULT_NAMES.journalTable,
      eventBus: env[ENV.eventBus] ?? DEFAULT_NAMES.eventBus,
      stateMachineArn: env[ENV.stateMachineArn] ?? '',
    },
    once,
    rateLimit: (api) => once(`rate ${api}`, () => createRateLimit({ perMinute: config.rate_limits[api] })),
  };
  runtimes.set(key, runtime);
  return runtime;
}

/** Lambda takes the log from stdout; on a laptop stdout belongs to the command, so the log goes to a file. */
function logTarget(env: Readonly<Record<string, string | undefined>>): (line: string) => void {
  const file = env[ENV.logFile];
  return file ? (line) => appendFileSync(file, `${line}\n`) : (line) => process.stdout.write(`${line}\n`);
}

function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const text = env[ENV.config];
  if (text) return parseConfig(text, ENV.config);
  const file = env[ENV.configFile];
  if (file) return parseConfig(readFileSync(file, 'utf8'), file);
  throw new UsageError(`no configuration: set ${ENV.config} (its text) or ${ENV.configFile} (its path)`);
}
