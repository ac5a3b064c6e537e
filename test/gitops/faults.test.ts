import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');
const sound = { 'clusters/b/istio.yaml': release('istiod', 'istiod', '1.28.2') };

/** Cluster `a` holds the fault, cluster `b` does not. */
function planned(entries: Record<string, string>, id: string) {
  const tree = files({ ...sound, ...entries });
  return planChange({ tree, fleet: fleetOf('a', 'b'), wave: new Map([[id, '1.29.0']]), target });
}

const istiod = release('istiod', 'istiod', '1.28.2');
const merge = istiod.replace('name: istiod', 'name: istio');
const patched = (patches: string, kind = 'patches') => ({
  'clusters/a/kustomization.yaml': `resources: [istiod.yaml]\n${kind}:\n- ${patches}\n`,
  'clusters/a/istiod.yaml': istiod,
  'clusters/a/p.yaml': merge,
});
const outside = fluxKustomization('istio', '').replace('path: ./', 'path: ../infra');

describe('a fault of the tree', () => {
  it.each([
    [
      'a Flux path that climbs out of the tree',
      { 'clusters/a/istio.yaml': outside, 'infra/istiod.yaml': istiod },
      'path ../infra leaves the tree and is refused',
    ],
    [
      'a Flux path that climbs out of the tree to nothing',
      { 'clusters/a/istio.yaml': outside },
      'path ../infra leaves the tree and is refused',
    ],
    [
      'a resource that climbs out of the tree, beside the release',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml, ../../../../etc]\n',
        'clusters/a/istiod.yaml': istiod,
      },
      '../../../../etc leaves the tree and is refused',
    ],
    [
      'kustomizations that include each other, beside the release',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml, ../../x]\n',
        'clusters/a/istiod.yaml': istiod,
        'x/kustomization.yaml': 'resources: [../y]\n',
        'y/kustomization.yaml': 'resources: [../x]\n',
      },
      'a cycle of kustomizations',
    ],
    [
      'components that include each other',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml]\ncomponents: [../../x]\n',
        'clusters/a/istiod.yaml': istiod,
        'x/kustomization.yaml': 'kind: Component\ncomponents: [../y, ../y]\n',
        'y/kustomization.yaml': 'kind: Component\ncomponents: [../x, ../x]\n',
      },
      'a cycle of components',
    ],
    [
      'a kustomization that includes itself',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml, ../a]\n',
        'clusters/a/istiod.yaml': istiod,
      },
      'clusters/a includes itself',
    ],
    [
      'one object twice in a kustomization',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml, again.yaml]\n',
        'clusters/a/istiod.yaml': istiod,
        'clusters/a/again.yaml': istiod,
      },
      'clusters/a/kustomization.yaml includes HelmRelease istiod (clusters/a/again.yaml) twice',
    ],
    [
      'one object twice in a folder without a kustomization',
      { 'clusters/a/istiod.yaml': istiod, 'clusters/a/again.yaml': istiod },
      'clusters/a includes HelmRelease istiod (clusters/a/again.yaml) twice',
    ],
    [
      'a merge for what is not there, in a file',
      patched('path: p.yaml'),
      'clusters/a/p.yaml is for HelmRelease istio (helm.toolkit.fluxcd.io/v2) in namespace istio-system, which is not among',
    ],
    [
      'a merge for what is not there, inline',
      patched(`|\n${merge.replace(/^/gm, '  ')}`, 'patchesStrategicMerge'),
      'in clusters/a/kustomization.yaml is for HelmRelease istio ',
    ],
    [
      'a merge for another version of the API',
      patched(`patch: |\n${istiod.replace('/v2', '/v2beta1').replace(/^/gm, '    ')}`),
      'is for HelmRelease istiod (helm.toolkit.fluxcd.io/v2beta1)',
    ],
    [
      'a merge for what is not there, in a Flux Kustomization',
      {
        'clusters/a/istio.yaml': fluxKustomization(
          'istio',
          'infra',
          `  patches:\n  - patch: |\n${merge.replace(/^/gm, '      ')}\n`,
        ),
        'infra/istiod.yaml': istiod,
      },
      'in clusters/a/istio.yaml is for HelmRelease istio ',
    ],
    [
      'JSON6902 without a target',
      patched('patch: "[{op: add, path: /spec/suspend, value: false}]"'),
      'JSON6902 without a target',
    ],
    [
      'a patch that fails on what stands beside the release',
      {
        'clusters/a/kustomization.yaml':
          'resources: [istiod.yaml, other.yaml]\npatches: [{target: {name: other}, patch: "[{op: remove, path: /spec/nothing}]"}]\n',
        'clusters/a/istiod.yaml': istiod,
        'clusters/a/other.yaml': release('other', 'other', '1.0.0'),
      },
      'names /spec/nothing, which does not exist, and kustomize fails on it',
    ],
    [
      'a merge that names no object, though it has a target',
      patched('{target: {kind: HelmRelease}, patch: "spec: {chart: {spec: {version: 1.2.3}}}"}'),
      'in clusters/a/kustomization.yaml has no kind or no metadata.name',
    ],
    [
      'the second document of an inline merge, which is for nothing',
      patched(`patch: |\n${`${istiod}---\n${merge}`.replace(/^/gm, '    ')}`),
      'is for HelmRelease istio ',
    ],
    [
      'several merges for one target',
      {
        ...patched('{path: two.yaml, target: {kind: HelmRelease}}'),
        'clusters/a/two.yaml': `${merge}---\n${merge}`,
      },
      'clusters/a/two.yaml holds several merges for one target',
    ],
    [
      'a patch file with nothing in it, for something else',
      { ...patched('{path: none.yaml, target: {name: other}}'), 'clusters/a/none.yaml': '# later\n' },
      'clusters/a/none.yaml is empty or no valid YAML',
    ],
    [
      'a patch that is no YAML, for something else',
      patched('{patch: "{{ .x", target: {name: other}}'),
      'in clusters/a/kustomization.yaml is empty or no valid YAML',
    ],
    ['no operations', patched('{target: {kind: HelmRelease}, patch: "[]"}'), 'is neither a merge nor'],
    ['a patch and a file at once', patched('{path: p.yaml, patch: "[]"}'), 'has a path too'],
    [
      'old operations for all of a kind',
      patched('{target: {kind: HelmRelease}, patch: "[{op: remove, path: /spec/chart}]"}', 'patchesJson6902'),
      'has a target without a name',
    ],
    [
      'a merge among the old operations',
      patched('{target: {kind: HelmRelease, name: istiod}, path: p.yaml}', 'patchesJson6902'),
      'is no list of operations',
    ],
    [
      'operations among the old merges',
      patched('|\n  [{op: remove,\n  path: /spec/chart}]', 'patchesStrategicMerge'),
      'is no merge',
    ],
    [
      'a component that does not say so',
      {
        ...patched('[]'),
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml]\ncomponents: [c]\n',
        'clusters/a/c/kustomization.yaml': 'namePrefix: x-\n',
      },
      'clusters/a/c/kustomization.yaml is no Component',
    ],
    [
      'a component that does not say so, in a Flux Kustomization',
      {
        'clusters/a/istio.yaml': fluxKustomization('istio', 'infra', '  components: [../c]\n'),
        'infra/istiod.yaml': istiod,
        'c/kustomization.yaml': 'namePrefix: x-\n',
      },
      'c/kustomization.yaml is no Component',
    ],
    [
      'a component among the resources',
      {
        'clusters/a/kustomization.yaml': 'resources: [istiod.yaml, c]\n',
        'clusters/a/istiod.yaml': istiod,
        'clusters/a/c/kustomization.yaml': 'kind: Component\nnamePrefix: x-\n',
      },
      'clusters/a/c/kustomization.yaml is a Component',
    ],
    [
      'two kustomization files in one folder',
      { ...patched('[]'), 'clusters/a/Kustomization': 'resources: [istiod.yaml]\n' },
      'clusters/a has clusters/a/kustomization.yaml and clusters/a/Kustomization',
    ],
    [
      'a patch that moves to nowhere',
      patched('{target: {kind: HelmRelease}, patch: "[{op: move, from: /spec/interval, path: /a/b}]"}'),
      'moves what does not exist',
    ],
  ])('refuses the clusters that it touches, with its reason, and no other: %s', (_, entries, reason) => {
    const refused = planned(entries as Record<string, string>, 'a');
    expect(refused.edits).toEqual([]);
    expect(refused.refused.map((one) => one.reason).join()).toContain(reason);
    expect(refused.refused[0]?.clusters).toEqual(['a']);
    const other = planned(entries as Record<string, string>, 'b');
    expect(other.refused).toEqual([]);
    expect(other.edits).toHaveLength(1);
  });

  it('elsewhere than on the way to the version is no matter', () => {
    const tree = files({
      'clusters/a/istio.yaml': fluxKustomization('istio', 'infra'),
      'infra/istiod.yaml': istiod,
      'clusters/a/other.yaml': fluxKustomization('other', '').replace('path: ./', 'path: ../apps'),
      'apps/kustomization.yaml': 'resources: [../../../etc]\n',
    });
    expect(resolveFleet(tree, fleetOf('a'), target).get('a')?.version).toBe('1.28.2');
  });

  it('is bounded: folders and components that name each other again and again', () => {
    const entries: Record<string, string> = {
      'clusters/a/kustomization.yaml': 'resources: [../../r0]\ncomponents: [../../c0]\n',
    };
    for (let at = 0; at < 35; at++) {
      entries[`r${at}/kustomization.yaml`] = `resources: [../r${at + 1}, ../r${at + 1}]\n`;
      entries[`c${at}/kustomization.yaml`] = `kind: Component\ncomponents: [../c${at + 1}, ../c${at + 1}]\n`;
    }
    entries['r35/kustomization.yaml'] = 'resources: [istiod.yaml]\n';
    entries['r35/istiod.yaml'] = istiod;
    entries['c35/kustomization.yaml'] = 'kind: Component\n';
    const refused = planned(entries, 'a').refused;
    expect(refused[0]?.reason).toContain('again and again');
  });

  it('that a Kustomization named like the target cannot be followed is shown', () => {
    const tree = files({
      'clusters/a/istio.yaml': fluxKustomization('istio', 'infra'),
      'clusters/a/gateways.yaml': fluxKustomization('istio-gateways', 'gone'),
      'clusters/a/apps.yaml': fluxKustomization('apps', 'gone-too'),
      'infra/istiod.yaml': istiod,
    });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.warnings).toEqual([
      'clusters/a/gateways.yaml: Kustomization istio-gateways: path ./gone is not in this tree; what it would bring is not moved',
    ]);
  });
});
