import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { type Plan, planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';
import { sceneOf } from '../support/kustomize-scenes.js';

const istio = gitopsTarget('istio');

const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;
const title = hasKubectl
  ? 'agrees with kubectl kustomize'
  : 'agrees with kubectl kustomize (skipped: kubectl is absent)';

/** What kustomize itself makes of a folder, then Flux's substitution of plain `${NAME}`; `undefined`: it fails. */
function rendered(
  tree: ReadonlyMap<string, string>,
  path: string,
  variables: Record<string, string> = {},
): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'guard-kustomize-'));
  try {
    for (const [name, text] of tree) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    const { stdout, status } = spawnSync('kubectl', ['kustomize', join(dir, path)], { encoding: 'utf8' });
    if (status !== 0) return undefined;
    const text = stdout.replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? '');
    const found = parseAllDocuments(text)
      .map((document) => document.toJS())
      .filter((one) => one?.kind === 'HelmRelease')
      .map((one) => [one.metadata.name, String(one.spec.chart.spec.version)]);
    return JSON.stringify(found.sort());
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The same from GUARD's own resolution. */
function resolved(tree: ReadonlyMap<string, string>): string {
  const { hits } = resolveFleet(tree, fleetOf('a'), istio).get('a')!;
  const deciding = hits.filter((hit) => hit.deciding);
  return JSON.stringify(deciding.map((hit) => [hit.release, hit.value]).sort());
}

function edited(tree: ReadonlyMap<string, string>, plan: Plan): Map<string, string> {
  const result = new Map(tree);
  for (const file of plan.commits.flatMap((commit) => commit.files)) result.set(file.path, file.content!);
  return result;
}

const OVERLAYS: Record<string, string> = {
  plain: '',
  'strategic merge': 'patches:\n- path: p.yaml\n',
  'old strategic merge': 'patchesStrategicMerge:\n- p.yaml\n',
  'by target':
    'patches:\n- target: {kind: HelmRelease, name: istio.*}\n  patch: |\n    - op: replace\n      path: /spec/chart/spec/version\n      value: 1.27.1\n',
  'by label':
    'patches:\n- target: {kind: HelmRelease, labelSelector: "tier=mesh"}\n  patch: |\n    - op: replace\n      path: /spec/chart/spec/version\n      value: 1.27.2\n',
  renamed:
    'namePrefix: eu-\nnameSuffix: -x\npatchesJson6902:\n- target: {kind: HelmRelease, name: istiod}\n  path: j.yaml\n',
  namespaced: 'namespace: mesh\npatches:\n- path: p.yaml\n',
  component: 'components:\n- ../../component\n',
  'two patches': 'patches:\n- path: p.yaml\n- path: j.yaml\n  target: {kind: HelmRelease}\n',
};

const PATCH = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: istiod, namespace: istio-system}
spec: {chart: {spec: {version: 1.27.0}}}
`;

const CONFIG = `apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: istio-system}
data: {a: c}
`;

(hasKubectl ? describe : describe.skip)(title, () => {
  it.each(Object.entries(OVERLAYS))('before and after the change: %s', (_, overlay) => {
    const labelled = release('istiod', 'istiod', '${V}').replace(
      '  name: istiod\n',
      '  name: istiod\n  labels: {tier: mesh}\n',
    );
    const tree = files({
      'clusters/a/istio.yaml': fluxKustomization(
        'istio',
        'overlays/a',
        '  postBuild:\n    substitute:\n      V: 1.28.2\n',
      ),
      'overlays/a/kustomization.yaml': `resources:\n- ../../base\n${overlay}`,
      'overlays/a/p.yaml': PATCH,
      'overlays/a/j.yaml': '- op: replace\n  path: /spec/chart/spec/version\n  value: 1.27.3\n',
      'component/kustomization.yaml':
        'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- path: ../overlays/a/p.yaml\n',
      'component/p.yaml': PATCH,
      'base/kustomization.yaml': 'resources: [istiod.yaml, base.yaml]\n',
      'base/istiod.yaml': labelled,
      'base/base.yaml': release('istio-base', 'base', '${V}'),
    });
    // kubectl loads only what lies below or beside the kustomization that names it.
    tree.set(
      'component/kustomization.yaml',
      tree.get('component/kustomization.yaml')!.replace('../overlays/a/', ''),
    );
    expect(resolved(tree)).toBe(rendered(tree, 'overlays/a', { V: '1.28.2' }));
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target: istio });
    expect(plan.refused).toEqual([]);
    const after = rendered(edited(tree, plan), 'overlays/a', { V: '1.29.0' });
    expect(resolved(edited(tree, plan))).toBe(after);
    expect([...after!.matchAll(/\d+\.\d+\.\d+/g)].map(String)).toEqual(['1.29.0', '1.29.0']);
  });

  it.each([
    ['a merge for nothing', 'patches: [{path: other.yaml}]'],
    ['an old merge for nothing', 'patchesStrategicMerge: [other.yaml]'],
    ['a merge without the namespace', 'patches: [{path: unplaced.yaml}]'],
    ['JSON6902 without a target', 'patches: [{path: remove.yaml}]'],
    ['an operation on nothing', 'patches: [{path: remove.yaml, target: {kind: HelmRelease}}]'],
    ['an unknown operation', 'patches: [{path: unknown.yaml, target: {kind: HelmRelease}}]'],
    ['a copy to nowhere', 'patches: [{path: copy.yaml, target: {kind: HelmRelease}}]'],
    ['a folder that includes itself', 'components: [../a]'],
    ['a merge without a name', 'patches: [{path: nameless.yaml, target: {kind: HelmRelease}}]'],
    ['several merges for one target', 'patches: [{path: two.yaml, target: {kind: HelmRelease}}]'],
    ['a patch with nothing in it', 'patches: [{path: empty.yaml, target: {name: nothing}}]'],
    ['no operations', 'patches: [{patch: "[]", target: {name: nothing}}]'],
    ['a patch and a file', 'patches: [{patch: "[]", path: remove.yaml, target: {name: nothing}}]'],
    [
      'old operations without a name',
      'patchesJson6902: [{path: copy.yaml, target: {version: v2, kind: HelmRelease}}]',
    ],
    [
      'a merge among old operations',
      'patchesJson6902: [{path: two.yaml, target: {kind: HelmRelease, name: istiod}}]',
    ],
    ['a kustomization as a component', 'components: [plain]'],
    ['a component for nothing', 'components: [component]'],
    ['an old component for nothing', 'components: [old]'],
  ])('cannot tell what kustomize fails on: %s', (_, overlay) => {
    const tree = files({
      'clusters/a/kustomization.yaml': `resources: [istiod.yaml]\n${overlay}\n`,
      'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
      'clusters/a/other.yaml': PATCH.replace('name: istiod', 'name: other'),
      'clusters/a/unplaced.yaml': PATCH.replace(', namespace: istio-system', ''),
      'clusters/a/remove.yaml': '- {op: remove, path: /spec/nothing}\n',
      'clusters/a/unknown.yaml': '- {op: set, path: /spec/interval, value: 5m}\n',
      'clusters/a/copy.yaml': '- {op: copy, from: /spec/chart, path: /spec/a/b}\n',
      'clusters/a/nameless.yaml': PATCH.replace('name: istiod, ', ''),
      'clusters/a/two.yaml': `${PATCH}---\n${PATCH}`,
      'clusters/a/empty.yaml': '# nothing\n',
      'clusters/a/plain/kustomization.yaml': 'patches: [{path: p.yaml}]\n',
      'clusters/a/plain/p.yaml': PATCH,
      'clusters/a/component/kustomization.yaml': 'kind: Component\npatches: [{path: p.yaml}]\n',
      'clusters/a/component/p.yaml': PATCH.replace('name: istiod', 'name: other'),
      'clusters/a/old/kustomization.yaml': 'kind: Component\npatchesStrategicMerge: [p.yaml]\n',
      'clusters/a/old/p.yaml': PATCH.replace('name: istiod', 'name: other'),
    });
    expect(rendered(tree, 'clusters/a')).toBeUndefined();
    expect(resolveFleet(tree, fleetOf('a'), istio).get('a')).toMatchObject({ class: 'cannot-tell' });
  });

  it.each([
    ['a merge by a target that nothing is', 'patches: [{path: other.yaml, target: {name: nothing}}]'],
    ['operations by a target that nothing is', 'patches: [{path: remove.yaml, target: {name: nothing}}]'],
    ['the old ones', 'patchesJson6902: [{path: remove.yaml, target: {kind: HelmRelease, name: nothing}}]'],
    ['two documents in one', `patches:\n- patch: |\n${`${CONFIG}---\n${PATCH}`.replace(/^/gm, '    ')}`],
    ['a component whose target is nothing', 'components: [component]'],
    [
      'a component for what is generated here',
      'components: [config]\nconfigMapGenerator: [{name: c, namespace: istio-system, literals: [a=b]}]',
    ],
  ])('lets pass what kustomize lets pass: %s', (_, overlay) => {
    const tree = files({
      'clusters/a/kustomization.yaml': `resources: [istiod.yaml]\n${overlay}\n`,
      'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
      'clusters/a/other.yaml': PATCH.replace('name: istiod', 'name: other'),
      'clusters/a/remove.yaml': '- {op: remove, path: /spec/nothing}\n',
      'clusters/a/component/kustomization.yaml':
        'kind: Component\npatches: [{path: p.yaml, target: {name: nothing}}]\n',
      'clusters/a/component/p.yaml': PATCH,
      'clusters/a/config/kustomization.yaml': 'kind: Component\npatches: [{path: p.yaml}]\n',
      'clusters/a/config/p.yaml': CONFIG,
    });
    if (overlay.includes('---'))
      tree.set('clusters/a/kustomization.yaml', `resources: [istiod.yaml, config/p.yaml]\n${overlay}\n`);
    expect(resolved(tree)).toBe(rendered(tree, 'clusters/a'));
  });

  it('before and after the change: twenty generated trees', () => {
    const counts = { compared: 0, moved: 0, fails: 0 };
    for (let seed = 1; seed <= 20; seed++) {
      const { tree, top } = sceneOf(seed);
      const before = rendered(tree, top);
      if (before === undefined) {
        counts.fails++;
        expect([seed, resolveFleet(tree, fleetOf('a'), istio).get('a')!.version]).toEqual([seed, undefined]);
        continue;
      }
      counts.compared++;
      expect([seed, resolved(tree)]).toEqual([seed, before]);
      const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.40.0']]), target: istio });
      if (plan.refused.length > 0) continue;
      counts.moved++;
      const after = rendered(edited(tree, plan), top);
      expect([seed, after]).toEqual([seed, before.replaceAll(/\d+\.\d+\.\d+/g, '1.40.0')]);
    }
    // Trees that kustomize itself fails on compare nothing; most must not be such.
    expect(counts.compared).toBeGreaterThan(10);
    expect(counts.moved).toBeGreaterThan(8);
  });
});
