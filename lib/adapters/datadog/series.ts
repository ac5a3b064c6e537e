import { METRIC_SERVICE } from '../../config/metric-names.js';
import { TerminalError } from '../../domain/errors.js';
import type { MetricSample, MetricsIntake, TimedSample } from '../../ports/own-metrics.js';
import { parseJson } from '../shared/http.js';
import { request } from '../shared/request.js';

export interface DatadogSeriesOptions {
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
  readonly type: typeof COUNT | typeof GAUGE;
  readonly unit?: string;
  /** Seconds that a count is for. */
  readonly interval?: number;
  readonly tags: readonly string[];
  /** Epoch seconds. */
  readonly points: { timestamp: number; value: number }[];
}

/** Numbers of the v2 intake; v1 had words. Source: Datadog's API reference, Metrics, Submit metrics. */
const COUNT = 1;
const GAUGE = 3;
const COUNT_INTERVAL = 60;
const UNITS = { Count: undefined, Milliseconds: 'millisecond', Seconds: 'second', Percent: 'percent' };
const LONGEST_TAG = 200;

/** Datadog's intake of metrics. 202 means that it was taken, not that it is stored. */
export function createDatadogSeries({
  site,
  apiUrl,
  apiKey,
  timeoutMs,
}: DatadogSeriesOptions): MetricsIntake {
  const url = `${(apiUrl ?? `https://api.${site}`).replace(/\/+$/, '')}/api/v2/series`;
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

/**
 * One series for each metric and set of tags, at most one point a second in it: of two points with the same time and
 * tags Datadog keeps the last, so counts are added and of the others the largest is kept.
 */
export function seriesOf(samples: readonly TimedSample[]): Series[] {
  const found = new Map<string, Series>();
  for (const sample of samples) {
    const tags = tagsOf(sample);
    const key = [sample.name, ...tags].join('\n');
    const series = found.get(key) ?? emptySeries(sample, tags);
    found.set(key, series);
    const timestamp = Math.floor(sample.at / 1000);
    const known = series.points.find((point) => point.timestamp === timestamp);
    if (!known) series.points.push({ timestamp, value: sample.value });
    else
      known.value = series.type === COUNT ? known.value + sample.value : Math.max(known.value, sample.value);
  }
  return [...found.values()];
}

function emptySeries({ name, unit }: MetricSample, tags: readonly string[]): Series {
  const datadogUnit = UNITS[unit];
  return {
    metric: name,
    type: unit === 'Count' ? COUNT : GAUGE,
    ...(unit === 'Count' ? { interval: COUNT_INTERVAL } : {}),
    ...(datadogUnit ? { unit: datadogUnit } : {}),
    tags,
    points: [],
  };
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
