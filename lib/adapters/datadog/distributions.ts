import { METRIC_SERVICE } from '../../config/metric-names.js';
import { TerminalError } from '../../domain/errors.js';
import type { MetricSample, MetricsIntake, TimedSample } from '../../ports/own-metrics.js';
import { parseJson } from '../shared/http.js';
import { request } from '../shared/request.js';

export interface DatadogDistributionsOptions {
  /** `datadoghq.com`, `datadoghq.eu`, ... */
  readonly site: string;
  /** Another address of the API. */
  readonly apiUrl?: string;
  /** The intake takes no application key. `fresh`: the last one was refused, read the secret again. */
  readonly apiKey: (fresh: boolean) => Promise<string>;
  /** Of the one attempt. */
  readonly timeoutMs: number;
}

interface Series {
  readonly metric: string;
  readonly tags: readonly string[];
  /** Epoch seconds, and the values of that second. */
  readonly points: [timestamp: number, values: number[]][];
}

const LONGEST_TAG = 200;

/**
 * Datadog's intake of distributions. Of counts and gauges with the same tags and second Datadog keeps the last alone,
 * and many functions run at the same time: of distributions it keeps every value. 202 means that they were taken, not
 * that they are stored. Sources: Datadog's API reference, Metrics, Submit distribution points; its documentation of
 * custom metrics from serverless functions, "Understanding distribution metrics".
 */
export function createDatadogDistributions({
  site,
  apiUrl,
  apiKey,
  timeoutMs,
}: DatadogDistributionsOptions): MetricsIntake {
  const url = `${(apiUrl ?? `https://api.${site}`).replace(/\/+$/, '')}/api/v1/distribution_points`;
  return {
    async send(samples) {
      const what = `send ${samples.length} metrics to Datadog`;
      const { text } = await request(
        {
          url,
          what,
          method: 'POST',
          body: JSON.stringify({ series: seriesOf(samples) }),
          headers: async (fresh) => ({
            'content-type': 'application/json',
            'dd-api-key': await apiKey(fresh),
          }),
          refusals: [401, 403],
          todo: (status) =>
            status === 401 || status === 403
              ? 'Renew api_key in the secret named by datadog_credentials_secret, or set datadog.send_metrics to false'
              : undefined,
        },
        // Taken twice would count twice.
        { timeoutMs, retry: { attempts: 1 } },
      );
      const { errors } = (parseJson(text, what) ?? {}) as { errors?: unknown };
      if (Array.isArray(errors) && errors.length > 0) {
        throw new TerminalError(`Cannot ${what}: ${JSON.stringify(errors).slice(0, 300)}`);
      }
    },
  };
}

/** One series for each metric and set of tags, one point for each second in it. */
export function seriesOf(samples: readonly TimedSample[]): Series[] {
  const found = new Map<string, Series>();
  for (const sample of samples) {
    const tags = tagsOf(sample);
    const key = [sample.name, ...tags].join('\n');
    const series = found.get(key) ?? { metric: sample.name, tags, points: [] };
    found.set(key, series);
    const timestamp = Math.floor(sample.at / 1000);
    const known = series.points.find(([second]) => second === timestamp);
    if (known) known[1].push(sample.value);
    else series.points.push([timestamp, [sample.value]]);
  }
  return [...found.values()];
}

/** No cluster among them: each combination is a custom metric that is paid for. */
function tagsOf({ target, batch, check }: MetricSample): string[] {
  const tags = { service: METRIC_SERVICE, target, batch, ...(check === undefined ? {} : { check }) };
  return Object.entries(tags).map(([key, value]) => tagText(`${key}:${value}`));
}

/** As Datadog would write it itself. */
function tagText(tag: string): string {
  return tag
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\-:./]/gu, '_')
    .slice(0, LONGEST_TAG);
}
