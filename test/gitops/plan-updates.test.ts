import { describe, expect, it } from '@jest/globals';
import { planChange } from '../../lib/gitops/plan.js';
import { parseUpgradeSpec } from '../../lib/gitops/upgrade-spec.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, literalTree, release, variableTree } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

function planned(tree: Map<string, string>, spec: string, ids: readonly string[], fleet = ids) {
  const { version, updates } = parseUpgradeSpec(spec, 'spec.yaml');
  const wave = new Map(ids.map((id) => [id, version]));
  const plan = planChange({ tree, fleet: fleetOf(...fleet), wave, target, updates });
  const after = new Map(tree);
  for (const file of plan.commits.flatMap((commit) => commit.files)) after.set(file.path, file.content!);
  return { plan, after };
}

describe('a plan with an upgrade spec', () => {
  it('writes an update in the file of every cluster of the wave, and creates keys when asked to', () => {
    const tree = variableTree({ a: '1.28.2', b: '1.29.1', c: '1.28.2' });
    const spec =
      'version: 1.30.2\nupdates:\n- {path: spec.interval, value: 7m, kind: Kustomization, name: istio}\n- {path: spec.postBuild.substitute.TAG_SUFFIX, value: "1", kind: Kustomization, name: istio, create: true}\n';
    const { plan, after } = planned(tree, spec, ['a', 'b'], ['a', 'b', 'c']);
    expect(plan.refused).toEqual([]);
    for (const [id, old] of [
      ['a', '1.28.2'],
      ['b', '1.29.1'],
    ]) {
      expect(after.get(`clusters/${id}/istio.yaml`)).toBe(
        `${tree.get(`clusters/${id}/istio.yaml`)!.replace(`${old}`, '1.30.2').replace('5m', '7m')}      TAG_SUFFIX: "1"\n`,
      );
    }
    expect(after.get('clusters/c/istio.yaml')).toBe(tree.get('clusters/c/istio.yaml'));
    expect(plan.edits.map((edit) => edit.path).slice(-2)).toEqual([
      'spec.interval',
      'spec.postBuild.substitute.TAG_SUFFIX',
    ]);
  });

  it('replaces a range when it says what to write', () => {
    const tree = files({ 'clusters/a/x.yaml': release('istiod', 'istiod', '1.28.*') });
    const spec = 'version: 1.30.2\nupdates:\n- {path: spec.chart.spec.version, value: 1.30.2}\n';
    const { plan, after } = planned(tree, spec, ['a']);
    expect(plan.refused).toEqual([]);
    expect(after.get('clusters/a/x.yaml')).toBe(tree.get('clusters/a/x.yaml')!.replace('1.28.*', '1.30.2'));
  });

  it('is refused when it writes another version than it names', () => {
    const tree = files({ 'clusters/a/x.yaml': release('istiod', 'istiod', '1.28.*') });
    const spec = 'version: 1.30.2\nupdates:\n- {path: spec.chart.spec.version, value: 1.30.1}\n';
    expect(planned(tree, spec, ['a']).plan.refused[0]?.reason).toContain('would still be at 1.30.1');
  });

  it('is refused where others use the same file', () => {
    const tree = variableTree({ a: '1.28.2', b: '1.29.1' });
    const spec =
      'version: 1.30.2\nupdates:\n- {path: spec.install.crds, value: Skip, kind: HelmRelease, name: istiod, create: true}\n';
    const { plan } = planned(tree, spec, ['a'], ['a', 'b']);
    expect(plan.refused).toEqual([
      expect.objectContaining({
        clusters: ['b'],
        reason: expect.stringContaining('istiod.yaml spec.install.crds'),
      }),
    ]);
    expect(plan.commits).toEqual([]);
  });

  it.each([
    ['{path: spec.nothing, value: 1}', 'for a, updates.0 (spec.nothing): does not exist'],
    ['{path: spec.path.more, value: 1}', 'for a, updates.0 (spec.path.more): does not exist'],
    ['{path: spec.chart.spec.version, value: 1.29.0}', 'stands in 2 documents'],
  ])('throws for an update without one certain place: %s', (update, problem) => {
    const tree = literalTree({ a: '1.28.2' });
    expect(() => planned(tree, `version: 1.30.2\nupdates:\n- ${update}\n`, ['a'])).toThrow(problem);
  });

  it('throws when two updates would create the same key', () => {
    const tree = files({
      'clusters/a/x.yaml': release('istiod', 'istiod', '1.28.2', '  values:\n    a: b\n'),
    });
    const spec =
      'version: 1.30.2\nupdates:\n- {path: spec.values.pilot.x, value: 1, create: true}\n- {path: spec.values.pilot.y, value: 2, create: true}\n';
    expect(() => planned(tree, spec, ['a'])).toThrow('would create the same key as spec.values.pilot.x');
  });
});
