import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

/** A generated ConfigMap gives the variable; the release has a default that looks as if it decided. */
function tree(generator: string): Map<string, string> {
  return files({
    'clusters/a/kustomization.yaml': `resources: [istio.yaml]\nconfigMapGenerator:\n- name: versions\n  namespace: flux-system\n${generator}`,
    'clusters/a/istio.yaml': fluxKustomization(
      'istio',
      'infra',
      '  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: versions}\n',
    ),
    'infra/istiod.yaml': release('istiod', 'istiod', '${ISTIO_VERSION:=1.27.0}'),
  });
}

const found = (made: Map<string, string>) => resolveFleet(made, fleetOf('a'), target).get('a')!;

describe('a variable of a generated ConfigMap', () => {
  it('is edited where a literal gives it', () => {
    const made = tree('  literals:\n  - ISTIO_VERSION=1.28.2 # here\n');
    const plan = planChange({ tree: made, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.commits[0]?.files[0]?.content).toContain('ISTIO_VERSION=1.29.0 # here');
  });

  it('is read from a file of lines, and refused as no place that can be edited', () => {
    const made = tree('  envs: [versions.env]\n').set(
      'clusters/a/versions.env',
      '# x\nISTIO_VERSION=1.28.2\n',
    );
    expect(found(made)).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining('1.28.2') });
  });

  it('is unknown, whatever its default, when a file of the generator is not in the tree', () => {
    for (const generator of ['  envs: [versions.env]\n', '  files: [ISTIO_VERSION=version.txt]\n']) {
      expect(found(tree(generator))).toMatchObject({
        class: 'cannot-tell',
        reason: expect.stringContaining('which is not in this tree'),
      });
    }
  });

  it('is its default when the generator gives other things only', () => {
    expect(found(tree('  literals: [REGION=eu]\n')).version).toBe('1.27.0');
  });
});
