import { createDatadogDistributions } from '../../lib/adapters/datadog/distributions.js';
import { messageOf, RetryableError } from '../../lib/domain/errors.js';
import type { TimedSample } from '../../lib/ports/own-metrics.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

/** Over everything, the secret too: a rollout waits no longer than this for its own metrics. */
const LONGEST_MS = 2_000;
/** Datadog refuses points of the last hour but one, and with them all others of the request. */
const OLDEST_MS = 55 * 60_000;

/**
 * Sends what was recorded to Datadog as well, when the configuration says so: once at the end of an invocation, in
 * one request. It never throws: a metric is not worth a rollout. What is lost is logged and counted.
 */
export function ownMetrics(runtime: Runtime): { sendMetrics: () => Promise<void> } {
  return { sendMetrics: runtime.once('own-metrics', () => sender(runtime)) };
}

function sender(runtime: Runtime): () => Promise<void> {
  const { config, metricsLog, log, now } = runtime;
  if (!config.datadog.send_metrics) return async () => undefined;
  const name = config.aws.secrets_manager.datadog_credentials_secret;
  const intake = createDatadogDistributions({
    site: config.datadog.site,
    ...(config.datadog.api_url ? { apiUrl: config.datadog.api_url } : {}),
    apiKey: async (fresh) => {
      if (fresh) await secrets(runtime).refresh(name);
      return secrets(runtime).value(name, 'api_key');
    },
    timeoutMs: LONGEST_MS,
  });
  let waiting: TimedSample[] = [];
  metricsLog.subscribe((samples) => {
    waiting.push(...samples.filter(({ name }) => name !== 'guard.metrics.dropped'));
  });
  /** Never to Datadog: what it did not take, it would not take from here either. */
  const drop = (samples: readonly TimedSample[], reason: string) => {
    log.warn('metrics not sent', { reason, samples: samples.length });
    const [{ target, batch }] = samples as [TimedSample];
    metricsLog.record([
      { name: 'guard.metrics.dropped', value: samples.length, unit: 'Count', target, batch },
    ]);
  };
  return async () => {
    const samples = waiting;
    waiting = [];
    // An invocation that was killed leaves its samples to the next one, which may come much later.
    const fresh = samples.filter(({ at }) => now() - at < OLDEST_MS);
    const old = samples.filter(({ at }) => now() - at >= OLDEST_MS);
    if (old.length > 0) drop(old, 'older than Datadog takes them');
    if (fresh.length === 0) return;
    try {
      await within(LONGEST_MS, intake.send(fresh));
    } catch (error) {
      drop(fresh, messageOf(error));
    }
  };
}

/** @throws RetryableError when it takes longer, in real time */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RetryableError(`no answer within ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
