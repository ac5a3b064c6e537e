import { describe, expect, it } from '@jest/globals';
import { planChange } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');
const wave = new Map([['a', '1.29.0']]);

describe('a folder that is named after the version', () => {
  const tree = (...versions: string[]) => {
    const made = files({
      'clusters/a/istio.yaml': fluxKustomization('istio', 'apps/istio/1.28.2'),
      'clusters/b/istio.yaml': fluxKustomization('istio', 'apps/istio/1.28.2'),
    });
    for (const version of versions)
      made.set(`apps/istio/${version}/istiod.yaml`, release('istiod', 'istiod', version));
    return made;
  };

  it('is chosen by the cluster, and the old folder stays as it is', () => {
    const plan = planChange({ tree: tree('1.28.2', '1.29.0'), fleet: fleetOf('a', 'b'), wave, target });
    expect(plan.refused).toEqual([]);
    expect(plan.edits).toEqual([
      { file: 'clusters/a/istio.yaml', doc: 0, path: 'spec.path', from: '1.28.2', to: '1.29.0' },
    ]);
  });

  it('is asked for when the new one is not there', () => {
    const plan = planChange({ tree: tree('1.28.2'), fleet: fleetOf('a', 'b'), wave, target });
    expect(plan.refused[0]).toMatchObject({
      clusters: ['a'],
      reason: expect.stringContaining('apps/istio/1.29.0 is not in this tree'),
    });
  });
});

describe('a values file that is named after the version', () => {
  const tree = files({
    'clusters/a/kustomization.yaml':
      'resources:\n- istiod.yaml\nconfigMapGenerator:\n- name: istiod-values\n  namespace: istio-system\n  files:\n  - values.yaml=helm/values-1.28.2.yaml # keep\n',
    'clusters/a/istiod.yaml': release(
      'istiod',
      'istiod',
      '1.28.2',
      '  valuesFrom:\n  - kind: ConfigMap\n    name: istiod-values\n',
    ),
    'clusters/a/helm/values-1.28.2.yaml': 'global:\n  tag: 1.28.2\n',
  });

  it('is renamed with its line, and its own tag moves too', () => {
    const plan = planChange({ tree, fleet: fleetOf('a'), wave, target });
    expect(plan.refused).toEqual([]);
    const result = new Map<string, string | undefined>(tree);
    for (const file of plan.commits.flatMap((commit) => commit.files)) result.set(file.path, file.content);
    expect(result.get('clusters/a/kustomization.yaml')).toContain(
      'values.yaml=helm/values-1.29.0.yaml # keep',
    );
    expect(result.get('clusters/a/helm/values-1.29.0.yaml')).toBe('global:\n  tag: 1.29.0\n');
    expect(result.get('clusters/a/helm/values-1.28.2.yaml')).toBeUndefined();
    expect(plan.coupled[0]).toMatchObject({
      path: 'configMapGenerator[0].files[0]',
      from: '1.28.2',
      to: '1.29.0',
    });
  });
});

describe('what a plan refuses to touch', () => {
  it('is an anchor that also sets something else', () => {
    const text = release('istiod', 'istiod', '&v 1.28.2', '  values:\n    kiali: {image: *v}\n');
    const plan = planChange({
      tree: files({ 'clusters/a/x.yaml': text }),
      fleet: fleetOf('a'),
      wave,
      target,
    });
    expect(plan.refused[0]?.reason).toContain(
      'carries the anchor &v, which also sets spec.values.kiali.image',
    );
  });

  it('is a CRD URL that other clusters use too', () => {
    const certManager = gitopsTarget('cert-manager');
    const tree = files({
      'crds/kustomization.yaml':
        'resources:\n- https://github.com/cert-manager/cert-manager/releases/download/v1.16.1/cert-manager.crds.yaml\n',
    });
    for (const id of ['a', 'b']) {
      tree.set(`clusters/${id}/kustomization.yaml`, 'resources:\n- ../../crds\n- release.yaml\n');
      tree.set(`clusters/${id}/release.yaml`, release('cert-manager', 'cert-manager', '1.16.1'));
    }
    for (const structural of [false, true]) {
      const plan = planChange({
        tree,
        fleet: fleetOf('a', 'b'),
        wave: new Map([['a', '1.17.0']]),
        target: certManager,
        structural,
      });
      expect(plan.refused[0]?.reason).toContain('crds/kustomization.yaml resources[0]');
      expect(plan.commits).toEqual([]);
    }
  });

  it('warns below 1.24 about CRDs that Flux skips, and when it crosses 1.24 about their ownership', () => {
    const tree = files({ 'clusters/a/base.yaml': release('istio-base', 'base', '1.22.0') });
    const warnings = (to: string) =>
      planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', to]]), target }).warnings.join('\n');
    expect(warnings('1.23.0')).toContain('spec.upgrade.crds: CreateReplace; it is Skip');
    expect(warnings('1.24.0')).toContain("until the existing CRDs carry Helm's ownership");
    expect(warnings('1.24.0')).toContain('skips a minor version');
  });
});
