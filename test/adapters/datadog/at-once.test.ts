import { expect, it } from '@jest/globals';
import type { DatadogClient } from '../../../lib/adapters/datadog/client.js';
import { queryPoints } from '../../../lib/adapters/datadog/points.js';
import { queryScalar } from '../../../lib/adapters/datadog/scalar.js';
import { queryTimeseries } from '../../../lib/adapters/datadog/timeseries.js';
import type { GroupQuery } from '../../../lib/ports/metrics.js';

const HOUR = 3_600_000;

it.each([
  ['v1', queryPoints],
  ['timeseries', (client: DatadogClient, one: GroupQuery) => queryTimeseries(client, one, true)],
  [
    'scalar',
    (client: DatadogClient, one: GroupQuery) =>
      queryScalar(client, one, { by: 'max', ends: [11 * HOUR], windowMs: 60_000 }),
  ],
])('Datadog is asked for clusters one by one by %s, but not for all at once', async (_, ask) => {
  let asked = 0;
  let now = 0;
  let most = 0;
  const answer = async () => {
    asked++;
    most = Math.max(most, ++now);
    await new Promise((done) => setImmediate(done));
    now--;
    const attributes = { series: [], times: [], values: [], columns: [] };
    return { status: 'ok', series: [], data: { attributes } };
  };
  const clusters = Array.from({ length: 20 }, (_, index) => ({
    cluster_id: `c${index}`,
    environment: 'prod',
    tags: {},
  }));
  const text =
    'default_zero(sum:a{cluster_name:{cluster_name}}) / default_zero(sum:b{cluster_name:{cluster_name}}) + 0 * sum:c{cluster_name:{cluster_name}}';
  await ask(
    { get: answer, post: answer },
    { metric: 'errors', query: text, clusters, from: 10 * HOUR, to: 11 * HOUR },
  );
  expect([asked, most]).toEqual([20, 6]);
});
