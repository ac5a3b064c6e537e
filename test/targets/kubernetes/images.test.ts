import { describe, expect, it } from '@jest/globals';
import { isLatest, latestImages } from '../../../lib/targets/kubernetes/images.js';
import { listed, pod } from '../../support/kube.js';

const DIGEST = `@sha256:${'0'.repeat(64)}`;

describe('isLatest', () => {
  it.each(['nginx', 'nginx:latest', 'registry:5000/team/app', 'registry:5000/team/app:latest', ''])(
    '%s',
    (image) => expect(isLatest(image)).toBe(true),
  );
  it.each(['nginx:1.27', 'registry:5000/team/app:v2', `nginx${DIGEST}`, `nginx:latest${DIGEST}`])(
    'not %s',
    (image) => expect(isLatest(image)).toBe(false),
  );
});

describe('latest-images', () => {
  const all = () => true;
  const running = (image: string, phase = 'Running') => {
    const base = pod('shop/Deployment/cart', '1.30.2', { phase });
    return { ...base, spec: { ...base.spec, initContainers: [{ name: 'init', image }] } };
  };
  it('finds one among init containers, names pod and image, and leaves finished pods out', () => {
    expect(latestImages({ pods: listed(running('init:latest')) }, all)).toMatchObject({
      verdict: 'failed',
      message: expect.stringContaining('shop/cart-x1 (init:latest)'),
      evidence: [{ value: 'init:latest' }],
    });
    expect(latestImages({ pods: listed(running('init:latest', 'Succeeded')) }, all).verdict).toBe('passed');
    expect(latestImages({ pods: listed(running('init:1')) }, all).verdict).toBe('passed');
  });
  it('leaves pods out that the change does not touch, and is errored without the list', () => {
    expect(latestImages({ pods: listed(running('init:latest')) }, () => false).verdict).toBe('passed');
    expect(latestImages({ pods: { error: '403' } }, all).verdict).toBe('errored');
  });
});
