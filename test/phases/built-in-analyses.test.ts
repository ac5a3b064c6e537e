import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { checkSchema } from '../../lib/config/checks-schema.js';
import { runAnalyses } from '../../lib/phases/support/analyses.js';
import type { Ports } from '../../lib/ports/index.js';
import { clusterItem } from '../support/small-world.js';
import { type ProviderName, wireBed } from '../support/wire-bed.js';

/** Those that the simulation has metrics for. */
const TEMPLATES: Readonly<Record<ProviderName, readonly string[]>> = {
  datadog: ['xds-datadog', 'convergence-datadog'],
  prometheus: ['xds', 'error-rate', 'latency', 'convergence', 'proxy-resources'],
};

async function verdicts(provider: ProviderName): Promise<string[]> {
  const bed = await wireBed(
    provider,
    ['alpha', 'beta'].map((id) => clusterItem(id)),
  );
  // istiod's counters of errors are no series before the first one.
  const worse = { metric: 'xds_push_errors', add: 3, plane: 'control', version: '1.29' } as const;
  bed.world.scenario = { seed: 7, clusters: { beta: { regressions: [worse] } } };
  try {
    bed.world.go(125);
    const since = bed.world.clock.now();
    bed.world.go(137);
    const checks = TEMPLATES[provider].map((name) =>
      checkSchema.parse({
        name,
        kind: 'analysis',
        template: readFileSync(`lib/targets/istio/templates/${name}.yaml`, 'utf8').split('\n---\n')[0],
        args: {
          cluster: '{cluster_name}',
          ...(provider === 'prometheus' ? { 'prometheus-address': 'http://elsewhere' } : {}),
        },
      }),
    );
    const ports = {
      config: { checks, metrics: { provider } },
      metrics: bed.metrics,
      now: bed.world.clock.now,
    };
    const { ended } = await runAnalyses(bed.world.fleet, since, ports as unknown as Ports);
    return [...ended].flatMap(([id, results]) =>
      results.map(({ check, verdict }) => `${id} ${check} ${verdict}`),
    );
  } finally {
    await bed.stop();
  }
}

describe.each(['datadog', 'prometheus'] as const)('the built-in templates gate a soak by %s', (provider) => {
  it('as they are: what is well passes, and push errors of one cluster fail there', async () => {
    const expected = ['alpha', 'beta'].flatMap((id) =>
      TEMPLATES[provider].map(
        (name) => `${id} ${name} ${id === 'beta' && name.startsWith('xds') ? 'failed' : 'passed'}`,
      ),
    );
    expect((await verdicts(provider)).sort()).toEqual(expected.sort());
  });
});
