import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
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

describe('a folder that is named after the version, with --structural', () => {
  const structural = (tree: Map<string, string>, ids = ['a', 'b']) => {
    const plan = planChange({ tree, fleet: fleetOf(...ids), wave, target, structural: true });
    const after = new Map(tree);
    for (const file of plan.commits.flatMap((commit) => commit.files)) after.set(file.path, file.content!);
    return { plan, after };
  };
  /** As a catalogue keeps it: a Kustomization in the folder that names the folder again. */
  const catalogue = () => {
    const tree = files({
      'apps/istio/1.28.2/release.yaml': fluxKustomization('istio', 'apps/istio/1.28.2/releases'),
      'apps/istio/1.28.2/releases/base.yaml': release('istio-base', 'base', '1.28.2'),
      'apps/istio/1.28.2/releases/istiod.yaml': `${release('istiod', 'istiod', '1.28.2 # keep')}# of 1.28.2\n`,
      'apps/istio/1.28.2/kustomization.yaml': 'resources: [release.yaml]\n',
    });
    for (const id of ['a', 'b'])
      tree.set(`clusters/${id}/istio.yaml`, fluxKustomization('all', 'apps/istio/1.28.2'));
    return tree;
  };

  it('is copied beside the old one, every pointer and version in the copy moves, nobody else does', () => {
    const tree = catalogue();
    const { plan, after } = structural(tree);
    expect(plan.refused).toEqual([]);
    for (const [path, text] of tree) {
      if (path !== 'clusters/a/istio.yaml') expect(after.get(path)).toBe(text);
    }
    expect(after.get('clusters/a/istio.yaml')).toBe(
      tree.get('clusters/a/istio.yaml')!.replace('1.28.2', '1.29.0'),
    );
    const copy = 'apps/istio/1.29.0';
    expect(after.get(`${copy}/release.yaml`)).toContain('path: ./apps/istio/1.29.0/releases\n');
    expect(after.get(`${copy}/releases/istiod.yaml`)).toBe(
      `${release('istiod', 'istiod', '1.29.0 # keep')}# of 1.28.2\n`,
    );
    expect(plan.commits.map((commit) => commit.files.map((file) => file.path))).toEqual([
      [
        'apps/istio/1.29.0/kustomization.yaml',
        'apps/istio/1.29.0/release.yaml',
        'apps/istio/1.29.0/releases/base.yaml',
        'apps/istio/1.29.0/releases/istiod.yaml',
        'clusters/a/istio.yaml',
      ],
    ]);
    expect(plan.coupled[0]).toMatchObject({ from: 'apps/istio/1.28.2', to: copy });
    expect(plan.warnings).toContain(`${copy}/releases/istiod.yaml still names 1.28.2; look at it`);
    const found = resolveFleet(after, fleetOf('a', 'b'), target);
    expect([found.get('a')?.version, found.get('b')?.version]).toEqual(['1.29.0', '1.28.2']);
  });

  it('takes the dependsOn of its copy along when asked to', () => {
    const plan = planChange({
      tree: catalogue(),
      fleet: fleetOf('a', 'b'),
      wave,
      target,
      structural: true,
      addDependsOn: true,
    });
    expect(plan.refused).toEqual([]);
    expect(plan.diff).toContain('+  dependsOn:\n+    - name: istio-base\n');
    expect(plan.edits.find((edit) => edit.to === 'istio-base')?.file).toBe(
      'apps/istio/1.29.0/releases/istiod.yaml',
    );
  });

  it.each([
    [
      'it holds CRDs themselves',
      { 'crds.yaml': 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n' },
      'holds the CRDs of the old version themselves',
    ],
    [
      'it needs a file that is not read',
      {
        'kustomization.yaml':
          'resources: [release.yaml]\nconfigMapGenerator:\n- {name: d, files: [board=d.txt]}\n',
      },
      'needs apps/istio/1.28.2/d.txt',
    ],
    ['it is encrypted', { 'secret.yaml': 'kind: Secret\nsops:\n  mac: x\n' }, 'is encrypted (SOPS)'],
  ])('is refused when %s', (_, more, reason) => {
    const tree = catalogue();
    for (const [name, text] of Object.entries(more)) tree.set(`apps/istio/1.28.2/${name}`, text);
    const { plan } = structural(tree);
    expect(plan.refused).toEqual([expect.objectContaining({ reason: expect.stringContaining(reason) })]);
    expect(plan.commits).toEqual([]);
  });

  it('is refused when its pointer is shared with clusters outside the wave', () => {
    const tree = catalogue();
    tree.set('shared/istio.yaml', tree.get('clusters/a/istio.yaml')!);
    for (const id of ['a', 'b']) tree.set(`clusters/${id}/istio.yaml`, fluxKustomization('x', 'shared'));
    const { plan } = structural(tree);
    expect(plan.refused[0]?.reason).toContain('shared/istio.yaml spec.path is shared with clusters outside');
  });

  it('is refused when something reads the folder above, so that others would get the copy too', () => {
    const tree = catalogue();
    tree.delete('apps/istio/1.28.2/kustomization.yaml');
    tree.set('clusters/b/istio.yaml', fluxKustomization('all', 'apps/istio'));
    const { plan } = structural(tree);
    expect(plan.refused).not.toEqual([]);
    expect(plan.commits).toEqual([]);
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
    expect(plan.refused[0]?.reason).toContain('is the anchor &v, which also sets spec.values.kiali.image');
  });

  it('is an anchor that stands where no version does', () => {
    const text = release('istiod', 'istiod', '*v').replace(
      '  name: istiod\n',
      '  name: istiod\n  annotations: {note: &v 1.28.2}\n',
    );
    const plan = planChange({
      tree: files({ 'clusters/a/x.yaml': text }),
      fleet: fleetOf('a'),
      wave,
      target,
    });
    expect(plan.refused[0]?.reason).toContain('is the anchor &v, which also sets metadata.annotations.note');
  });

  it('is not an anchor that stands for the versions alone', () => {
    const text = `kind: List\nx-versions:\n  istio: &v 1.28.2\nitems:\n${['istiod', 'base']
      .map((chart) => `- ${release(chart, chart, '*v').trimEnd().replaceAll('\n', '\n  ')}\n`)
      .join('')}`;
    const plan = planChange({
      tree: files({ 'clusters/a/x.yaml': text }),
      fleet: fleetOf('a'),
      wave,
      target,
    });
    expect([plan.refused, plan.edits.map((edit) => edit.path)]).toEqual([[], ['x-versions.istio']]);
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
