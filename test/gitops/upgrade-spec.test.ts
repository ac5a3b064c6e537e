import { describe, expect, it } from '@jest/globals';
import { bumpFiles } from '../../lib/gitops/bump.js';
import { parsePath, parseUpgradeSpec } from '../../lib/gitops/upgrade-spec.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');
const values = `  values:
    pilot:
        annotations: {} # flow
    "a.b/c": off
    list:
    - name: one
      size: '10' # keep
`;
const text = release('istiod', 'istiod', '1.28.*', values);

function bump(spec: string) {
  const { version, updates } = parseUpgradeSpec(spec, 'spec.yaml');
  return bumpFiles(new Map([['x.yaml', text]]), target, version, updates);
}

describe('an upgrade spec', () => {
  it('writes what it says, in the quotes that stand there, and may replace a range', () => {
    const result = bump(
      'version: 1.30.2\nupdates:\n- {path: spec.chart.spec.version, value: "1.30.2"}\n- {path: "spec.values.list[0].size", value: 20}\n- {path: "spec.values.a\\\\.b/c", value: "on"}\n',
    );
    expect(result.refused).toEqual([]);
    expect(result.files[0]?.content).toBe(
      text.replace('1.28.*', '1.30.2').replace("'10'", "'20'").replace('"a.b/c": off', '"a.b/c": "on"'),
    );
  });

  it('creates a key in the indentation of its neighbours only when asked', () => {
    const update = '- {path: spec.values.pilot.env.X, value: "1"';
    const result = bump(
      `version: 1.30.2\nupdates:\n- {path: spec.chart.spec.version, value: 1.30.2}\n${update}, create: true}\n`,
    );
    expect(result.files[0]?.content).toContain('        annotations: {} # flow\n        env:\n');
    expect(result.files[0]?.content).toMatch(/\n {8}env:\n {9,}X: "1"\n {4}"a.b/);
    expect(() => bump(`version: 1.30.2\nupdates:\n${update}}\n`)).toThrow(
      'updates.0 (spec.values.pilot.env.X): does not exist',
    );
  });

  it.each([
    ['version: 1.30.*', 'version: must be one exact version'],
    ['version: 1.30.2\nupdates: {a: b}', 'updates: must be a list'],
    ['version: 1.30.2\nupdates:\n- {path: a..b, value: 1}', 'updates.0.path: "a..b" is not a path'],
    ['version: 1.30.2\nupdates:\n- {path: a}', 'updates.0.value: must be given'],
    ['version: 1.30.2\nupdates:\n- {path: a, value: 1, creat: true}', 'updates.0.creat: no such key'],
    ['version: [', 'not valid YAML'],
  ])('is checked before anything is touched: %j', (spec, problem) => {
    expect(() => parseUpgradeSpec(spec, 'spec.yaml')).toThrow(problem);
  });

  it('reads paths with indexes and escaped dots', () => {
    expect(parsePath('a\\.b.c[0][1].d')).toEqual(['a.b', 'c', 0, 1, 'd']);
    expect(parsePath('')).toBeUndefined();
    expect(parsePath('a[x]')).toBeUndefined();
  });
});
