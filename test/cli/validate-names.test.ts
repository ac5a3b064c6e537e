import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { namesInRegistry } from '../../lib/cli/validate-names.js';
import { parseConfig, settingsFor } from '../../lib/config/load.js';
import { parseRegistry } from '../../lib/config/registry-format.js';

const text = readFileSync('examples/guard.yaml', 'utf8');
const clusters = parseRegistry(
  readFileSync('examples/clusters.json', 'utf8'),
  'examples/clusters.json',
  '2026-06-01T00:00:00Z',
);
const check = (yaml: string) => () => namesInRegistry(parseConfig(yaml, 'guard.yaml'), clusters);

describe('the names of the configuration', () => {
  it('are those of the registry, in the examples: production soaks for two hours', () => {
    expect(check(text)()).toMatch(/every environment and batch/);
    const [cluster] = clusters.filter(({ batch_id }) => batch_id === 'prod-wave-1');
    expect(
      settingsFor(parseConfig(text, 'guard.yaml'), {
        environment: cluster!.environment,
        batch: cluster!.batch_id,
      }).soak_period_minutes,
    ).toBe(120);
  });

  it.each([
    [
      'an environment of the validation',
      text.replace(/^ {4}production:$/m, '    prod:'),
      "validation.environments.prod: no cluster of environment 'prod' in the registry; it has dev, production, staging, test",
    ],
    [
      'a batch of the order, where no batches are listed',
      'gitlab: {url: "https://g.test"}\nbatch_order: {prod-wave1: [staging], prod-wave-2: [stagin]}\n',
      /^batch_order\.prod-wave1: no cluster of batch 'prod-wave1' .*; batch_order\.prod-wave-2: no cluster of batch 'stagin'/,
    ],
    [
      'a batch of the validation',
      'gitlab: {url: "https://g.test"}\nvalidation: {batches: {tset: {soak_period_minutes: 90}}}\n',
      /^validation\.batches\.tset: no cluster of batch 'tset'/,
    ],
    [
      'a batch that is listed',
      'gitlab: {url: "https://g.test"}\nbatches: [{name: test}, {name: dev-wave-3}]\n',
      /^batches\.1\.name: no cluster of batch 'dev-wave-3'/,
    ],
    [
      'an environment of a Prometheus',
      'gitlab: {url: "https://g.test"}\nmetrics: {provider: prometheus}\nprometheus: {endpoints: [{url: "https://a.test", environments: [dev, prd]}], queries: {error_rate: \'sum(e{cluster="{cluster_name}"})\'}}\n',
      /^prometheus\.endpoints\.0\.environments: no cluster of environment 'prd'/,
    ],
  ])('%s that nobody has is named with its path', (_what, yaml, says) => {
    expect(check(yaml)).toThrow(says);
  });
});
