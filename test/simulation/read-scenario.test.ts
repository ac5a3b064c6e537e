import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { UsageError } from '../../lib/domain/errors.js';
import { readScenario } from '../../lib/simulation/read-scenario.js';
import { guard } from '../support/guard-command.js';
import { smallFleetClusters } from '../support/small-fleet.js';

const folder = mkdtempSync(join(tmpdir(), 'guard-scenario-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [first] = smallFleetClusters();

function read(text: string) {
  const file = join(folder, 'scenario.yaml');
  writeFileSync(file, text);
  return readScenario(file, 'scenario.yaml', smallFleetClusters());
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('a scenario file', () => {
  it('is taken as it stands, with a seed where it has none', () => {
    const regressions = [{ metric: 'latency_p99', factor: 2, version: '1.30' }];
    const text = `latencyMs: 20\nclusters:\n  ${first!.cluster_id}:\n    unreachable: { after: 5 }\n    regressions: ${JSON.stringify(regressions)}\n`;
    expect(read(text)).toEqual({
      seed: 7,
      latencyMs: 20,
      clusters: { [first!.cluster_id]: { unreachable: { after: 5 }, regressions } },
    });
    expect(read('')).toEqual({ seed: 7 });
  });

  it.each([
    [
      'a key that nobody knows',
      'datadog: { rulez: [] }',
      "scenario.yaml: datadog.rulez: unknown key; did you mean 'rules'?",
    ],
    [
      'a wrong word',
      'gitlab: { mergeMethod: octopus }',
      'scenario.yaml: gitlab.mergeMethod: must be one of "merge"',
    ],
    ['no map', '- 1', 'scenario.yaml: (top): must be a map of keys'],
    ['no YAML', 'seed: [', 'scenario.yaml:1: not valid YAML'],
    [
      'a cluster that is not there',
      'clusters: { nobody: {} }',
      'scenario.yaml: clusters.nobody: no such cluster in the fleet',
    ],
    [
      'a fault that does not exist',
      `clusters: { ${first!.cluster_id}: { unreachabel: true } }`,
      `scenario.yaml: clusters.${first!.cluster_id}.unreachabel: unknown key; did you mean 'unreachable'?`,
    ],
  ])('%s: one line with file and path', (_what, text, says) => {
    expect(refusal(text)).toContain(says);
  });

  it('that is not there, and a tree that is not there: exit code 2, and nothing starts', async () => {
    expect(await guard('demo', '--scenario', join(folder, 'none.yaml'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/none\.yaml: cannot be read \(ENOENT\)/),
    });
    const own = ['--clusters', 'examples/clusters.json', '--batch', 'test', '--to', '1.30.2'];
    expect(await guard('demo', '--tree', join(folder, 'none'), ...own)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/none: no such folder, so no GitOps tree/),
    });
  });
});
