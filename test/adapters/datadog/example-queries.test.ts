import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createDatadog } from '../../../lib/adapters/datadog/provider.js';
import { parseConfig } from '../../../lib/config/load.js';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import { type SimulatedDatadog, startDatadog } from '../../../lib/simulation/datadog/index.js';
import type { Scenario } from '../../../lib/simulation/scenario.js';
import { MINUTE, smallWorld } from '../../support/small-world.js';

const EXAMPLE = 'examples/guard.yaml';
const TEMPLATES = 'lib/targets/istio/templates';
/** Of DataDog/integrations-core, istio/metadata.csv; distributions where buckets are sent as such. */
const SENT = [
  'istio.mesh.request.count',
  'istio.mesh.request.duration.milliseconds',
  'istio.pilot.proxy_convergence_time',
  'istio.pilot.total_xds_internal_errors',
  'istio.pilot.total_xds_internal_errors.count',
  'istio.pilot.total_xds_rejects',
  'istio.pilot.total_xds_rejects.count',
  'istio.pilot.xds',
  'istio.pilot.xds.pushes.count',
];
const { queries } = parseConfig(readFileSync(EXAMPLE, 'utf8'), EXAMPLE).datadog;

let server: SimulatedDatadog | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function ask(query: string, scenario: Partial<Scenario> = {}) {
  const world = smallWorld(scenario);
  const clusters = world.fleet.map((one) => new SimulatedCluster(world, one, { valid: '', expired: '' }));
  server = await startDatadog(world, { byId: new Map(clusters.map((one) => [one.cluster.cluster_id, one])) });
  world.go(30);
  const now = world.clock.now();
  const keys = async () => ({ api_key: 'a', app_key: 'b' });
  const provider = createDatadog({ site: 'datadoghq.com', apiUrl: server.url, keys });
  const asked = world.fleet.map(({ cluster_id }) => ({ cluster_id, environment: 'test', tags: {} }));
  const series = await provider.query({
    metric: 'm',
    query,
    clusters: asked,
    from: now - 10 * MINUTE,
    to: now,
    intervalSeconds: 60,
  });
  return Object.fromEntries(series.map(({ cluster_id, points }) => [cluster_id, points.map((p) => p.value)]));
}

describe('the queries of the example', () => {
  it.each(Object.entries(queries))('%s has data of every cluster', async (_, query) => {
    const values = await ask(query);
    expect(Object.keys(values)).toEqual(['alpha', 'beta']);
    for (const points of Object.values(values)) expect(points.length).toBe(10);
  });

  it('control_plane_errors is zero where nothing goes wrong, and counts the errors of the pushes', async () => {
    const errors = [{ metric: 'xds_push_errors', add: 3, plane: 'control', version: '1.' }] as const;
    const found = await ask(queries.control_plane_errors!, { clusters: { beta: { regressions: errors } } });
    expect(new Set(found.alpha)).toEqual(new Set([0]));
    expect(new Set(found.beta)).toEqual(new Set([3]));
  });
});

describe("istiod's counters", () => {
  const selector = (name: string) => `sum:istio.pilot.${name}{cluster_name:{cluster_name}}.as_count()`;
  it.each([
    selector('total_xds_rejects.count'),
    `default_zero(${selector('total_xds_rejects.count')}) + 0 * ${selector('xds')}`,
    selector('total_xds_rejects'),
  ])('that have not counted, or are named otherwise, are no series: %s', async (query) => {
    expect(await ask(query)).toEqual({ alpha: [], beta: [] });
  });
});

it('the Istio metrics that the example and the templates name are those that Datadog has', () => {
  const texts = [EXAMPLE, ...readdirSync(TEMPLATES).map((file) => join(TEMPLATES, file))];
  const named = texts.flatMap((file) => [
    ...readFileSync(file, 'utf8').matchAll(/\b(?:avg|sum|min|max|p\d\d):(istio\.[\w.]+)\{/g),
  ]);
  expect([...new Set(named.map(([, name]) => name!))].sort()).toEqual(SENT);
});

it('a template never trusts in one of the two names of a counter: what is not sent is zero for ever', () => {
  const text = readFileSync(join(TEMPLATES, 'xds-datadog.yaml'), 'utf8');
  for (const name of ['total_xds_internal_errors', 'total_xds_rejects']) {
    expect(text.split(`sum:istio.pilot.${name}{`).length).toBe(3);
    expect(text.split(`sum:istio.pilot.${name}.count{`).length).toBe(3);
  }
});
