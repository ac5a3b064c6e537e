import { describe, expect, it } from '@jest/globals';
import { SimulatedCluster } from '../../../lib/simulation/clusters/cluster.js';
import { build } from '../../../lib/simulation/clusters/kustomize.js';
import { type Manifest, Tree } from '../../../lib/simulation/clusters/manifests.js';
import { substituteText } from '../../../lib/simulation/clusters/substitute.js';
import { corpusTree, hasCorpus } from '../../support/corpus.js';
import { clusterItem, smallWorld } from '../../support/small-world.js';

const RELEASE = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: istiod, namespace: istio-system}
spec: {chart: {spec: {chart: istiod, version: 1.29.4}}, dependsOn: [{name: a}, {name: b}]}
`;
const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: app, image: a:1}, {name: log, image: l:1}]}}}
`;

function built(files: Record<string, string>, folder = 'c', notes: string[] = []): Manifest[] {
  return build(
    new Tree(
      new Map(Object.entries({ 'base/release.yaml': RELEASE, 'base/web.yaml': DEPLOYMENT, ...files })),
    ),
    folder,
    notes,
  );
}
const kustomization = (text: string) => ({ 'c/kustomization.yaml': text });
const version = (manifests: Manifest[]) =>
  manifests.find((one) => one.kind === 'HelmRelease')?.spec.chart.spec.version;

describe('the simulated kustomize', () => {
  it('makes a kustomization of a folder without one, and follows the ones below it', () => {
    const manifests = built(
      {
        'base/sub/kustomization.yaml': 'resources: [x.yaml]',
        'base/sub/x.yaml': DEPLOYMENT.replace('web', 'x'),
        'base/sub/stray.yaml': DEPLOYMENT.replace('web', 'stray'),
      },
      'base',
    );
    expect(manifests.map((one) => one.metadata.name).sort()).toEqual(['istiod', 'web', 'x']);
  });

  it.each([
    [
      'a strategic merge by name',
      'patches: [{patch: "{apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: istiod, namespace: istio-system}, spec: {chart: {spec: {version: 1.30.2}}}}"}]',
    ],
    [
      'a patch with a target',
      'patches: [{target: {kind: HelmRelease, name: isti.*}, patch: "[{op: replace, path: /spec/chart/spec/version, value: 1.30.2}]"}]',
    ],
    ['patchesStrategicMerge in a file', 'patchesStrategicMerge: [patch.yaml]'],
    [
      'patchesJson6902 in a file',
      'patchesJson6902: [{target: {kind: HelmRelease, name: istiod}, path: json.yaml}]',
    ],
    ['a component', 'components: [../component]'],
  ])('carries out %s', (_what, text) => {
    const manifests = built({
      ...kustomization(`resources: [../base/release.yaml]\n${text}\n`),
      'c/patch.yaml': RELEASE.replace('1.29.4', '1.30.2'),
      'c/json.yaml': '- {op: replace, path: /spec/chart/spec/version, value: 1.30.2}\n',
      'component/kustomization.yaml': 'kind: Component\npatches: [{path: p.yaml}]\n',
      'component/p.yaml': RELEASE.replace('1.29.4', '1.30.2'),
    });
    expect(version(manifests)).toBe('1.30.2');
  });

  it('merges containers by name, and replaces the lists of custom resources', () => {
    const patch = (text: string) =>
      built(
        kustomization(
          `resources: [../base/web.yaml, ../base/release.yaml]\npatches:\n- patch: |\n    ${text.replaceAll('\n', '\n    ')}\n`,
        ),
      );
    const web = patch(DEPLOYMENT.replace(', {name: log, image: l:1}', '').replace('a:1', 'a:2')).find(
      (one) => one.kind === 'Deployment',
    )!;
    expect(web.spec.template.spec.containers).toEqual([
      { name: 'app', image: 'a:2' },
      { name: 'log', image: 'l:1' },
    ]);
    const release = patch(RELEASE.replace(', {name: b}', '')).find((one) => one.kind === 'HelmRelease')!;
    expect(release.spec.dependsOn).toEqual([{ name: 'a' }]);
  });

  it('deletes with $patch, names with prefixes, and still patches by the first name', () => {
    const deleted = built(
      kustomization(
        `resources: [../base/web.yaml, ../base/release.yaml]\npatches:\n- patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, $patch: delete}'\n`,
      ),
    );
    expect(deleted.map((one) => one.kind)).toEqual(['HelmRelease']);
    const named = built({
      ...kustomization(
        "resources: [../mid]\npatches:\n- patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 3}}'\n",
      ),
      'mid/kustomization.yaml': 'namePrefix: eu-\nresources: [../base/web.yaml]\n',
    });
    expect([named[0]!.metadata.name, named[0]!.spec.replicas]).toEqual(['eu-web', 3]);
  });

  it.each([
    ['a missing resource', 'resources: [nope.yaml]', 'no such file'],
    ['a path out of the tree', 'resources: [../../etc]', 'leaves the tree'],
    ['a cycle', 'resources: [../c]', 'cycle'],
    [
      'a patch without an object',
      'resources: [../base]\npatches: [{path: ../base/other.yaml}]',
      'no such file',
    ],
    ['a file that is not YAML', 'resources: [bad.yaml]', 'bad.yaml'],
  ])('refuses %s', (_what, text, message) => {
    expect(() => built({ ...kustomization(text), 'c/bad.yaml': 'a: [1\nb: }' })).toThrow(message);
  });

  it('notes a remote base, and tolerates a patch that may be for it', () => {
    const notes: string[] = [];
    const text =
      "resources: ['https://example.com/x.yaml']\npatches:\n- patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: far}}'\n";
    expect(built(kustomization(text), 'c', notes)).toEqual([]);
    expect(notes).toEqual([
      expect.stringContaining('outside the tree'),
      expect.stringContaining('no matches'),
    ]);
  });
});

describe('substitution', () => {
  it.each([
    ['${A}', '1.30.2'],
    ['v${A}-x', 'v1.30.2-x'],
    ['${B:-2}', '2'],
    ['${B:=2}', '2'],
    ['${A:-2}', '1.30.2'],
    ['${EMPTY:-2}', '2'],
    ['${EMPTY-2}', ''],
    ['${B}', ''],
    ['$${A}', '${A}'],
    ['$A', '$A'],
  ])('of %s gives "%s"', (text, expected) => {
    expect(
      substituteText(
        text,
        new Map([
          ['A', '1.30.2'],
          ['EMPTY', ''],
        ]),
      ),
    ).toBe(expected);
  });
});

(hasCorpus ? describe : describe.skip)('on a real tree (skipped where it is absent)', () => {
  it.each(['monitoring', 'development', 'playground', 'production', 'c2-production', 'c3'])(
    'cluster %s comes to rest with every object ready, and follows a new version',
    (name) => {
      const world = smallWorld({}, [clusterItem(name, { versions: {} })]);
      world.push((files) => {
        files.clear();
        for (const [path, text] of corpusTree('equinor__radix-flux')) files.set(path, text);
      });
      // The real tree is the first that this cluster sees.
      const git = {
        ...world.git,
        heads: (project: string, branch: string) => world.git.heads(project, branch).slice(1),
      };
      const cluster = new SimulatedCluster({ ...world, git }, world.fleet[0]!, { valid: '', expired: '' });
      cluster.advance(world.clock.now());
      const unready = ['Kustomization', 'HelmRelease']
        .flatMap((kind) => cluster.store.list(kind))
        .filter(({ object }) => object.status?.conditions?.[0]?.status !== 'True');
      expect(
        unready.map(
          ({ object }) =>
            `${object.kind} ${object.metadata.name}: ${object.status?.conditions?.[0]?.message}`,
        ),
      ).toEqual([]);
      expect(cluster.store.list('HelmRelease').length).toBeGreaterThan(5);
      expect(cluster.firstVersion()).toBe('1.30.2');

      world.push((files) => {
        const path = `clusters/${name}/infrastructure/third-party/istio.yaml`;
        files.set(path, files.get(path)!.replace('ISTIO_VERSION: 1.30.2', 'ISTIO_VERSION: 1.30.3'));
      });
      world.go(20);
      cluster.advance(world.clock.now());
      expect(cluster.meshHistory().at(-1)!.istiod).toBe('1.30.3');
      expect(
        cluster.store.get('HelmRelease', 'istio-system', 'istiod')!.object.status.history[0].chartVersion,
      ).toBe('1.30.3');
    },
  );
});
