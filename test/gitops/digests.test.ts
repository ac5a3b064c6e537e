import { describe, expect, it } from '@jest/globals';
import { bumpFiles } from '../../lib/gitops/bump.js';
import { planChange } from '../../lib/gitops/plan.js';
import { gitopsTarget } from '../../lib/targets/gitops.js';
import { files, fleetOf, release } from '../support/gitops-trees.js';

const planned = (text: string, name: string) =>
  planChange({
    tree: files({ 'clusters/a/x.yaml': text }),
    fleet: fleetOf('a'),
    wave: new Map([['a', 'v1.17.0']]),
    target: gitopsTarget(name),
  });

describe('a digest in the values', () => {
  it.each([
    ['beside a tag', '{image: {tag: v1.16.0, digest: "sha256:ab"}}', 'cert-manager'],
    ['without a tag', '{webhook: {image: {digest: "sha256:ab"}}}', 'cert-manager'],
    [
      'beside a tag that follows the chart',
      '{image: {tag: v1.16.0, digest: "sha256:ab"}}',
      'helm:cert-manager',
    ],
  ])('pins the image: %s', (_, values, name) => {
    const text = release('cert-manager', 'cert-manager', 'v1.16.0', `  values: ${values}\n`);
    const refused = planned(text, name).refused[0];
    expect(refused?.reason).toMatch(/image\.digest: it is pinned by a digest/);
    const bump = bumpFiles(new Map([['x.yaml', text]]), gitopsTarget(name), 'v1.17.0');
    expect(bump.refused.length > 0).toBe(values.includes('tag'));
  });

  it.each([
    ['that is empty', '{image: {tag: v1.16.0, digest: ""}}', 'cert-manager'],
    [
      'of an image that does not follow the chart',
      '{image: {tag: 3.1.0, digest: "sha256:ab"}}',
      'helm:cert-manager',
    ],
  ])('is no matter: %s', (_, values, name) => {
    const text = release('cert-manager', 'cert-manager', 'v1.16.0', `  values: ${values}\n`);
    expect(planned(text, name).clusters[0]?.from).toBe('v1.16.0');
    expect(planned(text, name).refused).toEqual([]);
  });
});
