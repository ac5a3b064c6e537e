import { describe, expect, it } from '@jest/globals';
import { planChange, type Resolution, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

/** One cluster `a`, whose root is a kustomization over these files. */
function resolve(entries: Record<string, string>): Resolution {
  return resolveFleet(files(entries), fleetOf('a'), target).get('a')!;
}

function root(more: string, rest: Record<string, string> = {}): Record<string, string> {
  return {
    'clusters/a/kustomization.yaml': `resources:\n- ../../base\n${more}`,
    'base/kustomization.yaml': 'resources:\n- istiod.yaml\n',
    'base/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
    ...rest,
  };
}

const smp = (version: string, name = 'istiod', namespace = 'istio-system') =>
  `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\nspec:\n  chart:\n    spec:\n      version: ${version}\n`;

describe('the kustomize graph', () => {
  it('lets the overlay win and shows what it overrides', () => {
    const found = resolve(root('patches:\n- path: p.yaml\n', { 'clusters/a/p.yaml': smp('1.30.0') }));
    expect(found.version).toBe('1.30.0');
    expect(found.hits.map((hit) => [hit.file, hit.class])).toEqual([
      ['clusters/a/p.yaml', 'literal'],
      ['base/istiod.yaml', 'overridden'],
    ]);
  });

  it('moves the version in each document of an inline patch', () => {
    const patches = `${smp('1.28.2', 'istio-base')}---\n${smp('1.28.2 # keep')}`;
    const tree = files({
      'clusters/a/kustomization.yaml': `resources: [two.yaml]\npatches:\n- patch: |\n${patches.replace(/^/gm, '    ')}\n`,
      'clusters/a/two.yaml': `${release('istio-base', 'base', '1.0.0')}---\n${release('istiod', 'istiod', '1.0.0')}`,
    });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused).toEqual([]);
    const [file, ...rest] = plan.commits.flatMap((commit) => commit.files).slice(-1);
    expect(rest).toEqual([]);
    expect(file!.content).toBe(tree.get('clusters/a/kustomization.yaml')!.replaceAll('1.28.2', '1.29.0'));
  });

  it('follows patchesStrategicMerge, bases and components', () => {
    const entries = root('patchesStrategicMerge:\n- p.yaml\n', { 'clusters/a/p.yaml': smp('1.30.0') });
    expect(resolve(entries).version).toBe('1.30.0');
    const component = root('components:\n- ../../c\n', {
      'c/kustomization.yaml':
        'kind: Component\npatches:\n- target: {kind: HelmRelease}\n  patch: |-\n    - op: replace\n      path: /spec/chart/spec/version\n      value: 1.29.4\n',
    });
    const hit = resolve(component).hits[0];
    expect([hit?.value, hit?.path]).toEqual([
      '1.29.4',
      'patches[0].patch|>[path=/spec/chart/spec/version].value',
    ]);
    expect(resolve({ ...root(''), 'clusters/a/kustomization.yaml': 'bases:\n- ../../base\n' }).version).toBe(
      '1.28.2',
    );
  });

  it('applies a JSON6902 patch from a file, chosen by name, after the release was renamed', () => {
    const found = resolve(
      root(
        'namePrefix: eu-\npatchesJson6902:\n- target: {kind: HelmRelease, name: istiod}\n  path: p.yaml\n',
        {
          'clusters/a/p.yaml': '- op: replace\n  path: /spec/chart/spec/version\n  value: "1.29.0"\n',
        },
      ),
    );
    expect(found.hits[0]).toMatchObject({
      value: '1.29.0',
      release: 'eu-istiod',
      path: '[path=/spec/chart/spec/version].value',
    });
  });

  it('lets a patch of another release pass by', () => {
    const more = { 'base/kustomization.yaml': 'resources: [istiod.yaml, other.yaml]\n' };
    expect(
      resolve(
        root('patches:\n- path: p.yaml\n', {
          ...more,
          'base/other.yaml': release('other', 'other', '1.0.0'),
          'clusters/a/p.yaml': smp('1.30.0', 'other'),
        }),
      ).version,
    ).toBe('1.28.2');
  });

  it.each([
    ['a resource', 'resources: [../../base, "https://example.com/more.yaml"]'],
    ['a component', 'resources: [../../base]\ncomponents: [../../c]'],
  ])('lets a patch pass by whose release may come from what is not in the tree: %s', (_, kustomization) => {
    const found = resolve({
      ...root(''),
      'clusters/a/kustomization.yaml': `${kustomization}\npatches: [{path: p.yaml}]\n`,
      'clusters/a/p.yaml': smp('1.30.0', 'other'),
      'c/kustomization.yaml': 'kind: Component\nresources: ["https://example.com/more.yaml"]\n',
    });
    expect(found.version).toBe('1.28.2');
  });

  it('lets a component patch what its parent has from outside the tree', () => {
    const found = resolve({
      ...root(''),
      'clusters/a/kustomization.yaml':
        'resources: [../../base, "https://example.com/more.yaml"]\ncomponents: [../../c]\n',
      'c/p.yaml': smp('1.30.0', 'other'),
      'c/kustomization.yaml': 'kind: Component\npatches: [{path: p.yaml}]\n',
    });
    expect(found.version).toBe('1.28.2');
  });

  it('edits inside a block scalar without touching its lines', () => {
    const entries = root(
      'patches:\n  - target:\n      kind: HelmRelease\n    patch: |-\n      - op: replace\n        path: /spec/chart/spec/version\n        value: 1.29.4 # here\n',
    );
    const tree = files(entries);
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.30.2']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.commits[0]?.files[0]?.content).toBe(
      entries['clusters/a/kustomization.yaml']!.replace('1.29.4', '1.30.2'),
    );
  });

  it.each([
    ['a remote base', 'resources:\n- https://example.com/x?ref=v1\n', 'is outside this tree'],
    ['a cycle', 'resources:\n- ../a2\n', 'cycle'],
    ['a folder outside the tree', 'resources:\n- ../../../../etc\n', 'leaves the tree'],
    ['a missing folder', 'resources:\n- ../../gone\n', 'is not in this tree'],
  ])('says why it cannot tell: %s', (_, kustomization, reason) => {
    const found = resolve({
      'clusters/a/kustomization.yaml': kustomization,
      'clusters/a2/kustomization.yaml': 'resources:\n- ../a\n',
    });
    expect(found).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining(reason) });
  });

  it.each([
    [
      'replacements',
      'replacements:\n- targets:\n  - select: {kind: HelmRelease}\n    fieldPaths: [spec.chart.spec.version]\n',
      'replacements',
    ],
    ['a patch that is not there', 'patches:\n- path: gone.yaml\n', 'gone.yaml'],
    ['a component that is not there', 'components:\n- ../gone\n', 'component'],
    ['transformers', 'transformers:\n- t.yaml\n', 'transformers'],
  ])('is in doubt about what may change the release: %s', (_, more, reason) => {
    expect(resolve(root(more))).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining(reason),
    });
  });

  it.each([
    ['1.30.*', 'range'],
    ['">=1.2.0"', 'range'],
    ['"1.30"', 'range'],
    ['xx', 'placeholder'],
    ['${NOBODY}', 'placeholder'],
    ['ENC[AES256_GCM,data:x]', 'cannot-tell'],
    ['""', 'unpinned'],
  ])('classifies version %s as %s', (version, kind) => {
    expect(resolve({ ...root(''), 'base/istiod.yaml': release('istiod', 'istiod', version) }).class).toBe(
      kind,
    );
  });
});

describe('references to charts', () => {
  const repository = (ref: string) =>
    `apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: istiod\n  namespace: istio-system\nspec:\n  url: oci://gcr.io/istio-release/charts/istiod\n  ref:\n${ref}`;
  const byReference =
    'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: istiod\n  namespace: istio-system\nspec:\n  chartRef:\n    kind: OCIRepository\n    name: istiod\n';
  const tree = (ref: string, more = '') => ({
    'clusters/a/release.yaml': byReference + more,
    'clusters/a/repository.yaml': repository(ref),
  });

  it('finds the tag of the OCIRepository', () => {
    expect(resolve(tree('    tag: 1.28.2\n')).hits[0]).toMatchObject({
      value: '1.28.2',
      path: 'spec.ref.tag',
      file: 'clusters/a/repository.yaml',
    });
  });

  it('refuses to move a tag with a digest beside it', () => {
    const plan = planChange({
      tree: files(tree('    tag: 1.28.2\n    digest: sha256:00\n')),
      fleet: fleetOf('a'),
      wave: new Map([['a', '1.29.0']]),
      target,
    });
    expect(plan.refused[0]?.reason).toContain('digest');
  });

  it('moves an image tag in the values together with the chart, and keeps its variant', () => {
    const plan = planChange({
      tree: files(tree('    tag: 1.28.2\n', '  values:\n    global:\n      tag: 1.28.2-distroless\n')),
      fleet: fleetOf('a'),
      wave: new Map([['a', '1.29.0']]),
      target,
    });
    expect(plan.edits.map((edit) => [edit.path, edit.to])).toEqual([
      ['spec.ref.tag', '1.29.0'],
      ['spec.values.global.tag', '1.29.0-distroless'],
    ]);
  });

  it('reads values from a file of a configMapGenerator', () => {
    const found = resolve({
      'clusters/a/kustomization.yaml':
        'resources:\n- release.yaml\n- repository.yaml\nconfigMapGenerator:\n- name: istiod-values\n  namespace: istio-system\n  files:\n  - values.yaml=v.yaml\n',
      ...tree('    tag: 1.28.2\n', '  valuesFrom:\n  - kind: ConfigMap\n    name: istiod-values\n'),
      'clusters/a/v.yaml': 'global:\n  tag: 1.28.2\n',
    });
    expect(found.hits[1]).toMatchObject({ file: 'clusters/a/v.yaml', path: 'global.tag', value: '1.28.2' });
  });
});

describe('Flux', () => {
  const base = (version: string) => ({
    'infra/istio/istiod.yaml': release('istiod', 'istiod', version),
  });

  it('builds the path itself from variables, and substitutes from a ConfigMap that it applies', () => {
    const found = resolve({
      'clusters/a/apps.yaml': fluxKustomization(
        'apps',
        'envs/prod',
        '  postBuild:\n    substitute:\n      WHAT: istio\n    substituteFrom:\n    - kind: ConfigMap\n      name: versions\n',
      ),
      'clusters/a/versions.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: versions\n  namespace: flux-system\ndata:\n  version: 1.28.2\n',
      'envs/prod/istio.yaml': fluxKustomization(
        'istio',
        'infra/${WHAT}',
        '  postBuild:\n    substitute:\n      V: ${version}\n',
      ),
      ...base('${V}'),
    });
    expect(found.hits[0]).toMatchObject({
      value: '1.28.2',
      file: 'clusters/a/versions.yaml',
      path: 'data.version',
      class: 'variable',
    });
  });

  it('takes the default of an unset variable, but not what only looks like one', () => {
    const tree = (version: string) => ({
      'clusters/a/istio.yaml': fluxKustomization(
        'istio',
        'infra/istio',
        '  postBuild:\n    substitute:\n      OTHER: x\n',
      ),
      ...base(version),
    });
    expect(resolve(tree('${V:=1.28.2}')).version).toBe('1.28.2');
    expect(resolve(tree('v${V:-1.28.2}')).version).toBe('v1.28.2');
    expect(resolve(tree('${V:v1.28.2}'))).toMatchObject({ class: 'unpinned' });
  });

  it('cannot tell a variable that a Secret or a missing ConfigMap may hold', () => {
    const found = resolve({
      'clusters/a/istio.yaml': fluxKustomization(
        'istio',
        'infra/istio',
        '  postBuild:\n    substituteFrom:\n    - kind: Secret\n      name: vars\n',
      ),
      ...base('${V}'),
    });
    expect(found).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining('Secret vars') });
  });

  it('honours the switch that turns substitution off for one object', () => {
    const off = release('istiod', 'istiod', '${V}').replace(
      '  name: istiod\n',
      '  name: istiod\n  annotations:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\n',
    );
    const found = resolve({
      'clusters/a/istio.yaml': fluxKustomization(
        'istio',
        'infra/istio',
        '  postBuild:\n    substitute:\n      V: 1.28.2\n',
      ),
      'infra/istio/istiod.yaml': off,
    });
    expect(found.class).toBe('placeholder');
  });

  it('gives what a hub applies with a kubeConfig to the cluster that it names, not to the hub', () => {
    const tree = files({
      'hub/flux-system/gotk-sync.yaml': fluxKustomization('flux-system', 'hub'),
      'hub/spoke.yaml': fluxKustomization(
        'istio',
        'infra/istio',
        '  kubeConfig:\n    secretRef:\n      name: spoke-1\n',
      ),
      ...base('1.28.2'),
    });
    const found = resolveFleet(
      tree,
      [{ cluster_id: 'spoke-1' }, { cluster_id: 'hub', flux_path: 'hub' }],
      target,
    );
    expect([found.get('spoke-1')?.version, found.get('hub')?.version]).toEqual(['1.28.2', undefined]);
  });

  it('does the same for a release with a kubeConfig of its own in the folder of the hub', () => {
    const spoke = release(
      'istiod',
      'istiod',
      '1.28.2',
      '  kubeConfig: {secretRef: {name: spoke-1-kubeconfig}}\n',
    );
    const tree = files({
      'hub/flux-system/gotk-sync.yaml': fluxKustomization('flux-system', 'hub'),
      'hub/spoke.yaml': spoke,
    });
    const fleet = [{ cluster_id: 'spoke-1' }, { cluster_id: 'hub', flux_path: 'hub' }];
    const plan = planChange({ tree, fleet, wave: new Map([['spoke-1', '1.29.0']]), target });
    expect([plan.refused, plan.edits.length]).toEqual([[], 1]);
    expect(resolveFleet(tree, fleet, target).get('hub')?.version).toBeUndefined();
  });

  it.each([
    ['"1.28.2@sha256:00ff"', 'it is pinned by a digest'],
    ["'>=1.28.0 <1.29.0'", 'is a range'],
  ])('does not write over %s', (version, reason) => {
    const tree = files({ 'clusters/a/istiod.yaml': release('istiod', 'istiod', version) });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect([plan.edits, plan.refused.length]).toEqual([[], 1]);
    expect(plan.refused[0]?.reason).toContain(reason);
  });

  it('says that a ResourceSet may hide what it looks for', () => {
    const found = resolve({
      'clusters/a/set.yaml':
        'apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: mesh}\nspec: {resources: []}\n',
    });
    expect(found).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining('ResourceSet mesh'),
    });
  });

  it('moves every place of a resource that sets the tag itself', () => {
    const tree = files({
      'clusters/a/operator.yaml':
        'apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: io}\nspec:\n  tag: 1.28.2\n  values: {global: {tag: 1.28.2}, pilot: {tag: 1.28.2-distroless}}\n',
    });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.edits.map((edit) => [edit.path, edit.to])).toEqual([
      ['spec.tag', '1.29.0'],
      ['spec.values.global.tag', '1.29.0'],
      ['spec.values.pilot.tag', '1.29.0-distroless'],
    ]);
  });

  it('says what is suspended: Flux will not upgrade it', () => {
    const tree = files({
      'clusters/a/istio.yaml': fluxKustomization('istio', 'infra', '  suspend: true\n'),
      'infra/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
      'clusters/a/base.yaml': release('istio-base', 'base', '1.28.2', '  suspend: true\n'),
    });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.warnings.join()).toContain('istio-base (clusters/a/base.yaml) is suspended');
    expect(plan.warnings.join()).toContain('Kustomization istio (clusters/a/istio.yaml) is suspended');
  });

  it('refuses an edit that would also move another chart through the same variable', () => {
    const tree = files({
      'clusters/a/istio.yaml': fluxKustomization(
        'istio',
        'infra',
        '  postBuild:\n    substitute:\n      V: 1.28.2\n',
      ),
      'infra/istiod.yaml': release('istiod', 'istiod', '${V}'),
      'infra/kiali.yaml': release('kiali', 'kiali-server', '${V}'),
    });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused[0]?.reason).toContain('would also move HelmRelease istio-system/kiali');
  });

  it('refuses a hint of the registry that the tree contradicts', () => {
    const tree = files({ 'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2') });
    const fleet = [{ cluster_id: 'a', flux_path: 'clusters/a', flux_config_path: 'clusters/a/other.yaml' }];
    const plan = planChange({ tree, fleet, wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused[0]?.reason).toContain('the registry says clusters/a/other.yaml');
  });

  it.each([
    ['names', { 'clusters/a/other.yaml': release('cert-manager', 'cert-manager', '1.16.1') }],
    [
      'leads to',
      {
        'clusters/a/other.yaml': fluxKustomization('cert-manager', 'infra'),
        'infra/cert-manager.yaml': release('cert-manager', 'cert-manager', '1.16.1'),
      },
    ],
  ])('takes a hint that %s a release of another chart for what it is: about another target', (_, others) => {
    const tree = files({ 'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2'), ...others });
    const fleet = [{ cluster_id: 'a', flux_path: 'clusters/a', flux_config_path: 'clusters/a/other.yaml' }];
    const plan = planChange({ tree, fleet, wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.edits.map((edit) => edit.file)).toEqual(['clusters/a/istiod.yaml']);
  });

  it('moves the CRD URL with its own spelling, in a commit before the chart', () => {
    const certManager = gitopsTarget('cert-manager');
    const tree = files({
      'clusters/a/kustomization.yaml':
        'resources:\n- https://github.com/cert-manager/cert-manager/releases/download/v1.16.1/cert-manager.crds.yaml # keep\n- release.yaml\n',
      'clusters/a/release.yaml': release('cert-manager', 'cert-manager', '1.16.1'),
    });
    const plan = planChange({
      tree,
      fleet: fleetOf('a'),
      wave: new Map([['a', '1.17.0']]),
      target: certManager,
    });
    expect(plan.coupled).toEqual([
      {
        file: 'clusters/a/kustomization.yaml',
        doc: 0,
        path: 'resources[0]',
        from: 'v1.16.1',
        to: 'v1.17.0',
        reason: 'CRDs of the same version',
      },
    ]);
    expect(plan.commits.map((commit) => commit.files.map((file) => file.path))).toEqual([
      ['clusters/a/kustomization.yaml'],
      ['clusters/a/release.yaml'],
    ]);
  });
});

describe('operations of a patch', () => {
  const patched = (operation: string) =>
    resolve({
      ...root(`patches:\n- target: {kind: HelmRelease}\n  patch: |-\n    - ${operation}\n`),
      'base/kustomization.yaml': 'resources: [istiod.yaml, config.yaml]\n',
      'base/istiod.yaml': release(
        'istiod',
        'istiod',
        '1.28.2',
        '  valuesFrom:\n  - {kind: Secret, name: gone}\n  - {kind: ConfigMap, name: v}\n',
      ),
      'base/config.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v, namespace: istio-system}\ndata: {values.yaml: "{global: {tag: 1.28.2}, pilot: {tag: 1.28.2}}"}\n',
    });

  // Each as kubectl kustomize has it.
  it.each([
    ['{op: replace, path: /spec/valuesFrom/1, value: {kind: Secret, name: other}}', 'Secret other'],
    ['{op: add, path: /spec/valuesFrom/-, value: {kind: Secret, name: other}}', 'Secret other'],
    ['{op: remove, path: /spec/valuesFrom/-1}', 'Secret gone'],
    ['{op: remove, path: /spec/nothing}', 'which does not exist'],
    ['{op: add, path: /spec/valuesFrom/5, value: {name: x}}', 'which does not exist'],
    ['{op: replace, path: /spec/valuesFrom/5, value: {name: x}}', 'which does not exist'],
    ['{op: add, path: /spec/a/b, value: x}', 'which does not exist'],
    ['{op: test, path: /spec/chart/spec/chart, value: other}', 'the test fails'],
  ])('%s: cannot tell, since %s', (operation, reason) => {
    expect(patched(operation)).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining(reason),
    });
  });

  it.each([
    '{op: remove, path: /spec/valuesFrom/0}',
    '{op: replace, path: /spec/valuesFrom/0, value: {kind: ConfigMap, name: v}}',
    '{op: test, path: /spec/chart/spec/chart, value: istiod}',
    '{op: add, path: /spec/valuesFrom/0, value: {kind: Secret, name: other}}',
  ])('%s: the later ConfigMap of the tree decides', (operation) => {
    expect(patched(operation).version).toBe('1.28.2');
  });
});

describe('selectors of patches', () => {
  const to = (selector: string) =>
    resolve({
      ...root(
        `patches:\n- target: {kind: HelmRelease, labelSelector: "${selector}"}\n  patch: |-\n    - {op: replace, path: /spec/chart/spec/version, value: 1.30.0}\n`,
      ),
      'base/kustomization.yaml': 'resources:\n- istiod.yaml\ncommonLabels: {tier: mesh}\n',
    });

  it.each([
    'tier=mesh',
    'tier == mesh',
    'tier',
    '!other',
    'tier in (a, mesh)',
    'tier notin (a, b), tier',
    'other!=x',
  ])('take what Kubernetes would: %s', (selector) => {
    expect(to(selector).version).toBe('1.30.0');
  });

  it.each(['tier=other', 'other', '!tier', 'tier in (a)', 'tier notin (mesh)', 'tier,other', 'tier!=mesh'])(
    'leave what Kubernetes would: %s',
    (selector) => {
      expect(to(selector).version).toBe('1.28.2');
    },
  );

  it.each(['tier ~ mesh', 'tier in mesh', '= mesh'])('do not guess what cannot be read: %s', (selector) => {
    expect(to(selector)).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining('a target that cannot be read'),
    });
  });
});

describe('doubt is passed on', () => {
  it('from a Flux Kustomization that something unread may change, to what it applies', () => {
    const found = resolve({
      'clusters/a/kustomization.yaml':
        'resources: [istio.yaml]\npatches:\n- path: gone.yaml\n  target: {kind: Kustomization}\n',
      'clusters/a/istio.yaml': fluxKustomization('istio', 'infra'),
      'infra/istiod.yaml': release('istiod', 'istiod', '1.28.2'),
    });
    expect(found).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining('gone.yaml') });
  });
});
