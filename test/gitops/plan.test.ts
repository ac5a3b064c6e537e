import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { fleetOf, literalTree, variableTree } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

describe('planChange on a full copy per cluster', () => {
  const tree = literalTree({ a: '1.28.2', b: '1.29.1', c: '1.28.2' });
  const fleet = fleetOf('a', 'b', 'c');

  it('changes the literals of the wave and nothing else', () => {
    const plan = planChange({ tree, fleet, wave: new Map([['a', '1.30.2']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.edits).toEqual([
      {
        file: 'clusters/a/istio/base.yaml',
        doc: 0,
        path: 'spec.chart.spec.version',
        from: '1.28.2',
        to: '1.30.2',
      },
      {
        file: 'clusters/a/istio/istiod.yaml',
        doc: 0,
        path: 'spec.chart.spec.version',
        from: '1.28.2',
        to: '1.30.2',
      },
    ]);
    const changed = plan.commits.flatMap((commit) => commit.files);
    expect(changed.map((file) => file.path)).toEqual([
      'clusters/a/istio/base.yaml',
      'clusters/a/istio/istiod.yaml',
    ]);
    expect(changed[1]?.content).toBe(tree.get('clusters/a/istio/istiod.yaml')?.replace('1.28.2', '1.30.2'));
  });

  it('commits CRDs before the control plane', () => {
    const plan = planChange({ tree, fleet, wave: new Map([['a', '1.30.2']]), target });
    expect(plan.commits.map((commit) => commit.message)).toEqual([
      'istio: CRDs to 1.30.2 (a)',
      'istio: control plane to 1.30.2 (a)',
    ]);
  });

  it('takes each cluster to its own version on the way back', () => {
    const wave = new Map([
      ['a', '1.27.0'],
      ['b', '1.28.1'],
    ]);
    const plan = planChange({
      tree,
      fleet,
      wave,
      target,
      onlyFrom: new Map([
        ['a', '1.28.2'],
        ['b', '1.29.1'],
      ]),
    });
    expect(plan.refused).toEqual([]);
    expect(plan.clusters.filter((row) => row.cluster === 'b').map((row) => [row.from, row.to])).toEqual([
      ['1.29.1', '1.28.1'],
      ['1.29.1', '1.28.1'],
    ]);
  });

  it('refuses to put back what no longer has the value of the rollout', () => {
    const plan = planChange({
      tree,
      fleet,
      wave: new Map([['a', '1.27.0']]),
      target,
      onlyFrom: new Map([['a', '1.30.2']]),
    });
    expect(plan.refused[0]?.reason).toContain('is 1.28.2, no longer 1.30.2');
    expect(plan.edits).toEqual([]);
    expect(plan.commits).toEqual([]);
  });
});

describe('planChange on a variable per cluster', () => {
  const tree = variableTree({ a: '1.28.2', b: '1.29.1' });
  const fleet = fleetOf('a', 'b');

  it('edits the one scalar that feeds both releases', () => {
    const plan = planChange({ tree, fleet, wave: new Map([['b', '1.30.2']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.edits).toEqual([
      {
        file: 'clusters/b/istio.yaml',
        doc: 0,
        path: 'spec.postBuild.substitute.ISTIO_VERSION',
        from: '1.29.1',
        to: '1.30.2',
      },
    ]);
    expect(plan.diff).toContain(
      '-      ISTIO_VERSION: 1.29.1 # chart\n+      ISTIO_VERSION: 1.30.2 # chart\n',
    );
    expect(plan.reach).toEqual([
      {
        file: 'clusters/b/istio.yaml',
        doc: 0,
        path: 'spec.postBuild.substitute.ISTIO_VERSION',
        clusters: ['b'],
      },
    ]);
  });

  it('plans nothing for a wave that has moved already', () => {
    const plan = planChange({ tree, fleet, wave: new Map([['b', '1.29.1']]), target });
    expect(plan).toMatchObject({ refused: [], edits: [], commits: [], diff: '' });
  });

  it('resolves every cluster with the files that lead there', () => {
    const found = resolveFleet(tree, fleet, target);
    expect(found.get('a')?.version).toBe('1.28.2');
    expect(found.get('b')?.hits[0]).toMatchObject({
      class: 'variable',
      via: ['clusters/b/istio.yaml', 'components/istio/kustomization.yaml', 'components/istio/base.yaml'],
    });
  });

  it('refuses a wave with a name that the fleet does not have', () => {
    const plan = planChange({ tree, fleet, wave: new Map([['nope', '1.30.2']]), target });
    expect(plan.refused).toEqual([expect.objectContaining({ clusters: ['nope'] })]);
  });
});
