import { describe, expect, it } from '@jest/globals';
import { planChange, type Resolution, resolveFleet } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, fluxKustomization, release } from '../support/gitops-trees.js';

const target = gitopsTarget('istio');

function resolve(entries: Record<string, string>): Resolution {
  return resolveFleet(files(entries), fleetOf('a'), target).get('a')!;
}

/** An istiod whose postRenderers hold this. */
const rendering = (renderer: string) => ({
  'clusters/a/istiod.yaml': release(
    'istiod',
    'istiod',
    '1.28.2',
    `  postRenderers:\n  - kustomize:\n      ${renderer}\n`,
  ),
});
const operation = (text: string) => `patches: [{target: {kind: Deployment}, patch: '[${text}]'}]`;
const merge = (image: string) =>
  `patchesStrategicMerge: [{kind: Deployment, spec: {containers: [{name: discovery, image: "${image}"}]}}]`;

describe('postRenderers', () => {
  it('moves an image tag that postRenderers set after Helm', () => {
    const images = '[{name: docker.io/istio/pilot, newTag: 1.28.2}, {name: other/thing, newTag: 3.1.0}]';
    const more = `  postRenderers:\n  - kustomize:\n      images: ${images}\n`;
    const tree = files({ 'clusters/a/istiod.yaml': release('istiod', 'istiod', '1.28.2', more) });
    const plan = planChange({ tree, fleet: fleetOf('a'), wave: new Map([['a', '1.29.0']]), target });
    expect(plan.edits.map((edit) => edit.path)).toEqual([
      'spec.chart.spec.version',
      'spec.postRenderers[0].kustomize.images[0].newTag',
    ]);
  });

  it.each([
    [
      'operations on an image',
      operation('{op: replace, path: /spec/template/spec/containers/0/image, value: own/thing:latest}'),
      'sets own/thing:latest',
    ],
    [
      'operations on all containers',
      operation('{op: replace, path: /spec/template/spec/containers, value: [{image: own/thing:2.0.0}]}'),
      'sets own/thing:2.0.0',
    ],
    [
      'a copy of another image',
      operation('{op: copy, from: /metadata/annotations/a, path: /spec/template/spec/containers/0/image}'),
      'has the operation copy to /spec/template/spec/containers/0/image, which is not followed',
    ],
    [
      "a new container of the chart's number",
      'patchesJson6902: [{target: {kind: Deployment}, patch: [{op: add, path: /c/-, value: {image: own/thing:1.28.2}}]}]',
      'sets own/thing:1.28.2',
    ],
    [
      'an annotation that names an image',
      operation('{op: add, path: /metadata/annotations/a, value: "mirror.example.com/proxyv2:1.20.0"}'),
      'sets mirror.example.com/proxyv2:1.20.0',
    ],
    ['a merge', merge('istio/pilot@sha256:ab'), 'sets istio/pilot@sha256:ab'],
    ['a merge with an image of another name', merge('own/thing:latest'), 'sets own/thing:latest'],
    ['a variable that nothing gives', merge('$' + '{IMAGE}'), 'sets $' + '{IMAGE}'],
    [
      'a second document of a patch',
      'patches: [{patch: "kind: Service\\nmetadata: {name: a}\\n---\\nkind: Deployment\\nmetadata: {name: b}\\nimage: own/thing:2.0.0\\n"}]',
      'sets own/thing:2.0.0',
    ],
    [
      'a second document with a variable',
      'patches: [{patch: "kind: Service\\nmetadata: {name: a}\\n---\\nimage: $' + '{IMAGE}\\n"}]',
      'sets $' + '{IMAGE}',
    ],
    [
      'a second document that is no YAML',
      'patches: [{patch: "kind: Service\\nmetadata: {name: a}\\n---\\n{{ .x\\n"}]',
      'cannot be read',
    ],
    ['what is no YAML', 'patches: [{target: {kind: Deployment}, patch: "{{ .x"}]', 'cannot be read'],
    [
      'a digest of an image',
      'images: [{name: istio/pilot, newName: mirror.example.com/x/pilot, digest: "sha256:ab"}]',
      'pin an image by a digest',
    ],
    [
      'a digest of an image of a mirror',
      'images: [{name: mirror.example.com/x/pilot, digest: "sha256:ab"}]',
      'pin an image by a digest',
    ],
  ])('cannot tell what postRenderers set after Helm: %s', (_, renderer, reason) => {
    const found = resolve(rendering(renderer));
    expect(found).toMatchObject({ class: 'cannot-tell', reason: expect.stringContaining(reason) });
  });

  it.each([
    ['a patch', merge('$' + '{IMAGE}')],
    [
      'a patch that is YAML only with the value',
      operation('{op: add, path: /a/image, value: $' + '{IMAGE}}'),
    ],
  ])('knows the variables of postRenderers: %s', (_, renderer) => {
    const { 'clusters/a/istiod.yaml': istiod } = rendering(renderer);
    const found = (postBuild: string) =>
      resolve({
        'clusters/a/istio.yaml': fluxKustomization('istio', 'infra', `  postBuild: ${postBuild}\n`),
        'infra/istiod.yaml': istiod,
      }).reason;
    expect(found('{substitute: {IMAGE: own/thing:3}}')).toContain('sets own/thing:3');
    expect(found('{substituteFrom: [{kind: Secret, name: gone}]}')).toMatch(
      /(?:sets an image, and|cannot be read: ) ?.*Secret gone/,
    );
  });

  it.each([
    ['of what is no image', operation('{op: replace, path: /spec/replicas, value: 3}')],
    [
      'of a container more',
      operation('{op: add, path: /spec/template/spec/containers/-, value: {image: other/side:3.1.0}}'),
    ],
    ['of an image that is not the chart of the target', 'images: [{name: other/side, digest: "sha256:ab"}]'],
  ])('lets postRenderers pass: %s', (_, renderer) => {
    expect(resolve(rendering(renderer)).version).toBe('1.28.2');
  });

  it('moves the tag of an image that postRenderers rename', () => {
    const images = '[{name: docker.io/istio/pilot, newName: mirror.example.com/own, newTag: 1.20.0}]';
    const { hits } = resolve(rendering(`images: ${images}`));
    expect(hits.map((hit) => hit.value)).toEqual(['1.28.2', '1.20.0']);
  });

  it('moves the tag of an image of a mirror', () => {
    const { hits } = resolve(rendering('images: [{name: mirror.example.com/mesh/pilot, newTag: 1.20.0}]'));
    expect(hits.map((hit) => hit.value)).toEqual(['1.28.2', '1.20.0']);
  });
});
