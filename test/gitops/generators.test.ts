import { describe, expect, it } from '@jest/globals';
import { planChange, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

/** A generated ConfigMap gives the variable; the release has a default that looks as if it decided. */
function tree(generator: string): Map<string, string> {
  return files({
    'clusters/a/kustomization.yaml': `resources: [istio.yaml]\nconfigMapGenerator:\n- name: versions\n  namespace: flux-system\n${generator}`,
    'clusters/a/istio.yaml': fluxKustomization(
      'istio',
      'infra',
      '  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: versions}\n',
    ),
    'infra/istiod.yaml': release('istiod', 'istiod', '${ISTIO_VERSION:=1.27.0}'),
  });
}

const found = (made: Map<string, string>) => resolveFleet(made, fleetOf('a'), target).get('a')!;

describe('a variable of a generated ConfigMap', () => {
  it('is edited where a literal gives it', () => {
    const made = tree('  literals:\n  - ISTIO_VERSION=1.28.2 # here\n');
    const plan = planChange({ tree: made, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.refused).toEqual([]);
    expect(plan.commits[0]?.files[0]?.content).toContain('ISTIO_VERSION=1.29.0 # here');
  });

  it('is read from a file of lines, and refused as no place that can be edited', () => {
    const made = tree('  envs: [versions.env]\n').set(
      'clusters/a/versions.env',
      '# x\nISTIO_VERSION=1.28.2\n',
    );
    expect(found(made)).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining('1.28.2') });
  });

  it('is unknown, whatever its default, when a file of the generator is not in the tree', () => {
    for (const generator of ['  envs: [versions.env]\n', '  files: [ISTIO_VERSION=version.txt]\n']) {
      expect(found(tree(generator))).toMatchObject({
        class: 'cannot-tell',
        reason: expect.stringContaining('which is not in this tree'),
      });
    }
  });

  it('is its default when the generator gives other things only', () => {
    expect(found(tree('  literals: [REGION=eu]\n')).version).toBe('1.27.0');
  });
});

describe('a generator that changes a ConfigMap which is there already', () => {
  const layered = (generator: string): Map<string, string> =>
    files({
      'clusters/a/kustomization.yaml': `resources: [../../base]\nconfigMapGenerator:\n- name: versions\n  namespace: flux-system\n${generator}`,
      'base/kustomization.yaml':
        'resources: [istio.yaml]\nconfigMapGenerator:\n- name: versions\n  namespace: flux-system\n  literals: [ISTIO_VERSION=1.28.2, REGION=eu]\n',
      'base/istio.yaml': fluxKustomization(
        'istio',
        'infra',
        '  postBuild:\n    substituteFrom:\n    - {kind: ConfigMap, name: versions}\n',
      ),
      'infra/istiod.yaml': release('istiod', 'istiod', '${ISTIO_VERSION}'),
    });

  it('keeps what it does not name when it merges', () => {
    expect(found(layered('  behavior: merge\n  literals: [REGION=us]\n')).version).toBe('1.28.2');
    const own = found(layered('  behavior: merge\n  literals: [ISTIO_VERSION=1.29.0]\n'));
    expect([own.version, own.hits[0]?.file]).toEqual(['1.29.0', 'clusters/a/kustomization.yaml']);
  });

  it('drops what it does not name when it replaces', () => {
    expect(found(layered('  behavior: replace\n  literals: [REGION=us]\n'))).toMatchObject({
      class: 'unpinned',
      reason: expect.stringContaining('${ISTIO_VERSION} is not defined'),
    });
  });

  it('cannot be told when there is none to merge into', () => {
    const made = layered('  behavior: merge\n  literals: [ISTIO_VERSION=1.29.0]\n');
    made.set('base/kustomization.yaml', 'resources: [istio.yaml]\n');
    expect(found(made)).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining('would merge versions, which is not there'),
    });
  });

  it('makes Secrets as it makes ConfigMaps', () => {
    const made = layered('  literals: [REGION=us]\n');
    made.set(
      'base/kustomization.yaml',
      'resources: [istio.yaml]\nsecretGenerator:\n- name: versions\n  namespace: flux-system\n  literals: [ISTIO_VERSION=1.28.2]\n',
    );
    made.set('base/istio.yaml', made.get('base/istio.yaml')!.replace('kind: ConfigMap', 'kind: Secret'));
    expect(found(made).version).toBe('1.28.2');
  });

  it('reads a plain Secret, and neither guesses at base64 nor edits what SOPS signs', () => {
    const made = layered('  literals: [REGION=us]\n');
    made.set('base/istio.yaml', made.get('base/istio.yaml')!.replace('kind: ConfigMap', 'kind: Secret'));
    made.set('base/kustomization.yaml', 'resources: [istio.yaml, secret.yaml]\n');
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: versions, namespace: flux-system}\n';
    made.set('base/secret.yaml', `${secret}stringData: {ISTIO_VERSION: 1.28.2}\n`);
    expect(found(made).version).toBe('1.28.2');
    const with_ = (text: string) => found(new Map(made).set('base/secret.yaml', secret + text));
    expect(with_('data: {ISTIO_VERSION: MS4yOC4y}\n').reason).toContain('base64');
    expect(with_('stringData: {ISTIO_VERSION: "ENC[AES256]"}\nsops: {mac: x}\n').reason).toContain('SOPS');
    expect(with_('stringData: {ISTIO_VERSION: 1.28.2}\nsops: {mac: x}\n')).toMatchObject({
      class: 'cannot-tell',
      reason: expect.stringContaining('signed by SOPS'),
    });
    expect(with_('stringData: {OTHER: x}\n').class).toBe('unpinned');
  });
});
