import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0;
const title = hasKubectl
  ? 'agrees with kubectl kustomize'
  : 'agrees with kubectl kustomize (skipped: kubectl is absent)';

/** What kustomize itself makes of a folder, then Flux's substitution of plain `${NAME}`. */
function render(tree: ReadonlyMap<string, string>, path: string, variables: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'guard-kustomize-'));
  try {
    for (const [name, text] of tree) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', join(dir, path)], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
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
    const ours = (text: ReadonlyMap<string, string>) =>
      JSON.stringify(
        resolveFleet(text, fleetOf('a'), gitopsTarget('istio'))
          .get('a')!
          .hits.filter((hit) => hit.deciding)
          .map((hit) => [hit.release, hit.value])
          .sort(),
      );
    expect(ours(tree)).toBe(render(tree, 'overlays/a', { V: '1.28.2' }));
    const plan = planChange({
      tree,
      fleet: fleetOf('a'),
      wave: new Map([['a', '1.29.0']]),
      target: gitopsTarget('istio'),
    });
    expect(plan.refused).toEqual([]);
    const edited = new Map(tree);
    for (const file of plan.commits.flatMap((commit) => commit.files)) edited.set(file.path, file.content!);
    const after = render(edited, 'overlays/a', { V: '1.29.0' });
    expect(ours(edited)).toBe(after);
    expect([...after.matchAll(/\d+\.\d+\.\d+/g)].map(String)).toEqual(['1.29.0', '1.29.0']);
  });
});
