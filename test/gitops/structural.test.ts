import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

function shared(base: string, more: (id: string) => string): Map<string, string> {
  const tree = files({
    'infra/istio/kustomization.yaml': 'resources:\n  - istiod.yaml\n',
    'infra/istio/istiod.yaml': release('istiod', 'istiod', base),
  });
  for (const id of ['a', 'b']) {
    tree.set(`clusters/${id}/flux-system/gotk-sync.yaml`, fluxKustomization('flux-system', `clusters/${id}`));
    tree.set(`clusters/${id}/istio.yaml`, fluxKustomization('istio', 'infra/istio', more(id)));
  }
  return tree;
}

function applied(tree: Map<string, string>, plan: ReturnType<typeof planChange>): Map<string, string> {
  const result = new Map(tree);
  for (const file of plan.commits.flatMap((commit) => commit.files))
    result.set(file.path, file.content ?? '');
  return result;
}

describe('planChange on a place that other clusters share', () => {
  const wave = new Map([['a', '1.30.2']]);

  it('refuses and names the others', () => {
    const tree = shared('1.28.2', () => '');
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target });
    expect(plan.refused).toEqual([
      expect.objectContaining({
        clusters: ['b'],
        reason: expect.stringContaining('infra/istio/istiod.yaml'),
      }),
    ]);
    expect(plan.commits).toEqual([]);
  });

  it('names a cluster of the tree that the fleet does not know', () => {
    const tree = shared('1.28.2', () => '');
    const plan = planChange({ tree, fleet: fleetOf('a'), wave, target });
    expect(plan.refused[0]?.clusters).toEqual(['clusters/b (not in the fleet)']);
  });

  it('inserts a patch into the Flux Kustomization that only the wave uses', () => {
    const tree = shared('1.28.2', () => '');
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused).toEqual([]);
    const edited = applied(tree, plan);
    expect(edited.get('clusters/a/istio.yaml')).toBe(
      `${tree.get('clusters/a/istio.yaml')}  patches:
    - target:
        kind: HelmRelease
        name: istiod
      patch: |
        - op: add
          path: /spec/chart/spec/version
          value: 1.30.2
`,
    );
    const found = resolveFleet(edited, fleetOf('a', 'b'), target);
    expect([found.get('a')?.version, found.get('b')?.version]).toEqual(['1.30.2', '1.28.2']);
  });

  it('inserts the variable where the base holds only its default', () => {
    const tree = shared(
      '${ISTIO_VERSION:=1.28.2}',
      () => '  postBuild:\n    substitute:\n      REGION: eu # where\n',
    );
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused).toEqual([]);
    expect(applied(tree, plan).get('clusters/a/istio.yaml')).toBe(
      `${tree.get('clusters/a/istio.yaml')}      ISTIO_VERSION: 1.30.2\n`,
    );
  });

  it('makes a patch file beside the others of an overlay, without a final newline and with its list style', () => {
    const tree = files({
      'apps/base/kustomization.yaml': 'resources:\n- istiod.yaml\n',
      'apps/base/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
    });
    for (const id of ['a', 'b']) {
      tree.set(
        `clusters/${id}/flux-system/gotk-sync.yaml`,
        fluxKustomization('flux-system', `clusters/${id}`),
      );
      tree.set(
        `clusters/${id}/kustomization.yaml`,
        'resources:\n- flux-system/gotk-sync.yaml\n- ../../apps/base\npatches:\n- path: replicas.yaml\n  target:\n    kind: HelmRelease',
      );
      tree.set(`clusters/${id}/replicas.yaml`, '- op: add\n  path: /spec/interval\n  value: 5m\n');
    }
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused).toEqual([]);
    const edited = applied(tree, plan);
    expect(edited.get('clusters/a/kustomization.yaml')).toBe(
      `${tree.get('clusters/a/kustomization.yaml')}\n- path: istiod-version.yaml\n  target:\n    kind: HelmRelease\n    name: istiod`,
    );
    expect(edited.get('clusters/a/istiod-version.yaml')).toBe(
      '- op: add\n  path: /spec/chart/spec/version\n  value: 1.30.2\n',
    );
    expect(plan.diff).toContain('new file mode');
  });

  it('refuses when every place on the way is shared', () => {
    const tree = shared('1.28.2', () => '');
    tree.set('clusters/base/istio.yaml', tree.get('clusters/a/istio.yaml')!);
    for (const id of ['a', 'b']) {
      tree.delete(`clusters/${id}/istio.yaml`);
      tree.set(`clusters/${id}/more.yaml`, fluxKustomization('more', 'clusters/base'));
    }
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused[0]?.reason).toContain('no place for an override');
  });

  it('overrides a tag that a shared ConfigMap holds with inline values, which win over it', () => {
    const tree = shared('1.28.2', () => '');
    const values =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v, namespace: istio-system}\ndata:\n  values.yaml: |\n    global:\n      tag: 1.28.2\n';
    tree.set('infra/istio/values.yaml', values);
    tree.set('infra/istio/kustomization.yaml', 'resources:\n  - istiod.yaml\n  - values.yaml\n');
    tree.set(
      'infra/istio/istiod.yaml',
      release('istiod', 'istiod', '1.28.2', '  valuesFrom:\n    - kind: ConfigMap\n      name: v\n'),
    );
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused).toEqual([]);
    const edited = applied(tree, plan);
    expect(edited.get('infra/istio/values.yaml')).toBe(values);
    expect(edited.get('clusters/a/istio.yaml')).toContain(
      '        spec:\n          values:\n            global:\n              tag: 1.30.2\n',
    );
    const found = resolveFleet(edited, fleetOf('a', 'b'), target);
    expect([found.get('a')?.version, found.get('b')?.version]).toEqual(['1.30.2', '1.28.2']);
    expect(found.get('a')?.hits.map((hit) => hit.value)).toEqual(['1.30.2', '1.28.2', '1.30.2']);
  });

  it('refuses a single value of a shared ConfigMap, over which no inline value wins', () => {
    const tree = shared('1.28.2', () => '');
    tree.set(
      'infra/istio/values.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v, namespace: istio-system}\ndata: {tag: 1.28.2}\n',
    );
    tree.set('infra/istio/kustomization.yaml', 'resources: [istiod.yaml, values.yaml]\n');
    tree.set(
      'infra/istio/istiod.yaml',
      release(
        'istiod',
        'istiod',
        '1.28.2',
        '  valuesFrom:\n    - {kind: ConfigMap, name: v, valuesKey: tag, targetPath: global.tag}\n',
      ),
    );
    const plan = planChange({ tree, fleet: fleetOf('a', 'b'), wave, target, structural: true });
    expect(plan.refused[0]?.reason).toContain('valuesFrom with targetPath');
  });
});
