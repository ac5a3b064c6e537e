import { expect, it } from '@jest/globals';
import { parseConfig } from '../../../lib/config/load.js';
import { batchSettings } from '../../../lib/phases/support/step.js';
import { clusterItem } from '../../support/small-world.js';

const config = parseConfig(
  `
gitlab: {url: https://gitlab.test}
batches: [{name: all}, {name: slow}]
validation:
  environments:
    dev: {soak_period_minutes: 5, minimum_points: 3, thresholds: {latency_increase_percent: 40}}
    prod:
      soak_period_minutes: 120
      measurement_interval_seconds: 120
      thresholds: {error_rate_max: 0.01, resource_increase_percent: 20}
  batches:
    slow: {soak_period_minutes: 170}
`,
  'guard.yaml',
);
const settings = (batch: string, ...environments: string[]) =>
  batchSettings(
    { config },
    { batch },
    environments.map((environment, i) => clusterItem(`c${i}`, { environment })),
  );

it('a batch has the settings of its environment, and its own before those', () => {
  expect(settings('all', 'dev', 'dev')).toMatchObject({
    soak_period_minutes: 5,
    minimum_points: 3,
    thresholds: { latency_increase_percent: 40, error_rate_max: 0.001 },
  });
  expect(settings('slow', 'dev')).toMatchObject({ soak_period_minutes: 170, minimum_points: 3 });
});

it('a batch of several environments has the strictest of each, whichever cluster is the first', () => {
  const strict = {
    soak_period_minutes: 120,
    minimum_points: 10,
    measurement_interval_seconds: 60,
    thresholds: { latency_increase_percent: 10, error_rate_max: 0.001, resource_increase_percent: 20 },
  };
  expect(settings('all', 'dev', 'prod')).toMatchObject(strict);
  expect(settings('all', 'prod', 'dev')).toMatchObject(strict);
});
