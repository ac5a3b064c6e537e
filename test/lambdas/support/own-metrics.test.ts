import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ownMetrics } from '../../../lambdas/support/own-metrics.js';
import type { Runtime } from '../../../lambdas/support/runtime.js';
import { createMetricsLog } from '../../../lib/adapters/metrics-log.js';
import { parseConfig } from '../../../lib/config/load.js';
import { type HttpFake, startHttpFake } from '../../support/http-fake.js';

const MINUTE = 60_000;
const started = {
  name: 'guard.upgrade.started',
  value: 1,
  unit: 'Count',
  target: 'istio',
  batch: 'dev-wave-1',
} as const;

let datadog: HttpFake;
beforeEach(async () => {
  datadog = await startHttpFake();
});
afterEach(() => datadog.close());

/** A runtime with this secret, and what it logged. */
function runtimeWith(apiKey: () => Promise<string>) {
  const lines: Record<string, unknown>[] = [];
  let at = Date.parse('2026-09-07T08:00:00Z');
  const now = () => at;
  const made = new Map<string, unknown>([['secrets', { value: apiKey, refresh: apiKey }]]);
  const warn = (message: string, fields?: object) => void lines.push({ message, ...fields });
  const runtime = {
    config: parseConfig(
      `{ gitlab: { url: https://gitlab.test }, datadog: { send_metrics: true, api_url: '${datadog.url}' } }`,
      'guard.yaml',
    ),
    metricsLog: createMetricsLog({ write: (line) => lines.push(JSON.parse(line)), now }),
    log: { warn },
    now,
    once: (name: string, make: () => unknown) => {
      if (!made.has(name)) made.set(name, make());
      return made.get(name);
    },
  } as unknown as Runtime;
  return {
    runtime,
    pass: (ms: number) => {
      at += ms;
    },
    dropped: () => lines.flatMap((line) => (line['guard.metrics.dropped'] as number | undefined) ?? []),
    warnings: () => lines.filter(({ message }) => message === 'metrics not sent'),
  };
}

describe('what was recorded in an invocation', () => {
  it('is sent once, at its end; an invocation without any sends nothing', async () => {
    const { runtime, dropped } = runtimeWith(async () => 'key');
    const { sendMetrics } = ownMetrics(runtime);
    await sendMetrics();
    expect(datadog.requests).toHaveLength(0);
    datadog.next('POST', /distribution_points$/, { status: 202, json: { status: 'ok' } });
    runtime.metricsLog.record([started]);
    runtime.metricsLog.record([{ ...started, name: 'guard.upgrade.success' }]);
    // The next invocation of the same environment asks for it again.
    await ownMetrics(runtime).sendMetrics();
    await ownMetrics(runtime).sendMetrics();
    expect(datadog.requests).toHaveLength(1);
    expect(datadog.requests[0]!.json().series).toHaveLength(2);
    expect(dropped()).toEqual([]);
  });

  it('is given up after two seconds, whoever does not answer: the secret too', async () => {
    const { runtime, dropped, warnings } = runtimeWith(() => new Promise(() => undefined));
    const { sendMetrics } = ownMetrics(runtime);
    runtime.metricsLog.record([started]);
    await sendMetrics();
    expect(warnings()).toEqual([expect.objectContaining({ reason: 'no answer within 2 s', samples: 1 })]);
    expect(dropped()).toEqual([1]);
    // That it was lost is counted in the log, and is no metric for Datadog itself.
    await sendMetrics();
    expect(dropped()).toEqual([1]);
  });

  it('is left out when it is from long ago, since Datadog would refuse what is new as well', async () => {
    const { runtime, pass, dropped } = runtimeWith(async () => 'key');
    const { sendMetrics } = ownMetrics(runtime);
    runtime.metricsLog.record([started]);
    pass(61 * MINUTE);
    runtime.metricsLog.record([{ ...started, batch: 'test' }]);
    datadog.next('POST', /distribution_points$/, { status: 202, json: { status: 'ok' } });
    await sendMetrics();
    const { series } = datadog.requests[0]!.json();
    expect(series.map(({ tags }: { tags: string[] }) => tags[2])).toEqual(['batch:test']);
    expect(dropped()).toEqual([1]);
  });
});
