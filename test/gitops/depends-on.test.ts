import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');
const wave = new Map([['a', '1.29.0']]);

function planned(tree: Map<string, string>, addDependsOn = true, ids = ['a']) {
  const plan = planChange({ tree, fleet: fleetOf(...ids), wave, target, addDependsOn });
  const after = new Map(tree);
  for (const file of plan.commits.flatMap((commit) => commit.files)) after.set(file.path, file.content!);
  return { plan, after };
}

const three = (more = '') =>
  files({
    'clusters/a/base.yaml': release('istio-base', 'base', '1.28.2'),
    'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2', more),
    'clusters/a/gateway.yaml': release('ingress', 'gateway', '1.28.2').replace(
      'namespace: istio-system',
      'namespace: ingress',
    ),
  });

describe('a release without a dependsOn', () => {
  it('is named in a warning when nobody asks to add it', () => {
    const { plan } = planned(three(), false);
    expect(plan.warnings).toEqual([
      expect.stringContaining('istiod (clusters/a/istiod.yaml) has no dependsOn for istio-base'),
      expect.stringContaining('ingress (clusters/a/gateway.yaml) has no dependsOn for'),
    ]);
  });

  it('waits, when asked for, for the plane before it, across namespaces too', () => {
    const { plan, after } = planned(three());
    expect(plan.refused).toEqual([]);
    expect(plan.warnings).toEqual([]);
    expect(after.get('clusters/a/istiod.yaml')).toBe(
      `${three().get('clusters/a/istiod.yaml')!.replace('1.28.2', '1.29.0')}  dependsOn:\n    - name: istio-base\n`,
    );
    expect(after.get('clusters/a/gateway.yaml')).toMatch(
      / {2}dependsOn:\n {4}- name: istiod\n {6}namespace: istio-system\n$/,
    );
    expect(plan.edits).toContainEqual({
      file: 'clusters/a/istiod.yaml',
      doc: 0,
      path: 'spec.dependsOn[0].name',
      from: '',
      to: 'istio-base',
    });
    const again = planned(after);
    expect([again.plan.diff, again.plan.warnings]).toEqual(['', []]);
  });

  it('gets an item behind those of its list, in the indentation and the line ends of the file', () => {
    const tree = three('  dependsOn:\n  - name: other # why\n  values:\n    a: b\n');
    const crlf = new Map([...tree].map(([path, text]) => [path, text.replaceAll('\n', '\r\n')]));
    const { plan, after } = planned(crlf);
    expect(plan.refused).toEqual([]);
    expect(after.get('clusters/a/istiod.yaml')).toBe(
      crlf
        .get('clusters/a/istiod.yaml')!
        .replace('1.28.2', '1.29.0')
        .replace('# why\r\n', '# why\r\n  - name: istio-base\r\n'),
    );
  });

  it('is left alone when its Flux Kustomization waits', () => {
    const { plan } = planned(three('  dependsOn: [{name: istio-base}]\n'));
    expect(plan.edits.map((edit) => `${edit.file} ${edit.path}`)).not.toContain(
      'clusters/a/istiod.yaml spec.dependsOn[1].name',
    );
  });

  it.each([
    ['flow style', '  dependsOn: [{name: other}]\n'],
    ['an alias', '  x: &d\n    - name: other\n  dependsOn: *d\n'],
  ])('is refused where nothing can be inserted safely: %s', (_, more) => {
    const { plan } = planned(three(more));
    expect(plan.refused[0]?.reason).toContain('its dependsOn cannot be added');
    expect([plan.edits, plan.commits]).toEqual([[], []]);
  });

  it('is refused in a file that clusters outside the wave use', () => {
    const tree = files({
      'base/kustomization.yaml': 'resources: [base.yaml, istiod.yaml]\n',
      'base/base.yaml': release('istio-base', 'base', '1.28.2'),
      'base/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
    });
    for (const id of ['a', 'b']) {
      const patch = `patches:\n- target: {kind: HelmRelease}\n  patch: |\n    - op: replace\n      path: /spec/chart/spec/version\n      value: 1.28.3\n`;
      tree.set(`clusters/${id}/kustomization.yaml`, `resources:\n- ../../base\n${patch}`);
    }
    expect(resolveFleet(tree, fleetOf('a'), target).get('a')?.version).toBe('1.28.3');
    const { plan } = planned(tree, true, ['a', 'b']);
    expect(plan.refused).toEqual([
      expect.objectContaining({
        clusters: ['b'],
        reason: expect.stringContaining('clusters outside the wave use the same file'),
      }),
    ]);
  });
});
