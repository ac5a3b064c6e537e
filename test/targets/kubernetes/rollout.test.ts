import { describe, expect, it } from '@jest/globals';
import { rolloutState } from '../../../lib/targets/kubernetes/rollout.js';
import { condition, deployment } from '../../support/kube.js';

describe('a Deployment', () => {
  it.each([
    ['done', {}, {}],
    ['an unobserved spec', { generation: 2 }, {}],
    ['too few updated replicas', {}, { updatedReplicas: 1 }],
    ['old replicas that are still there', {}, { replicas: 3 }],
    ['updated replicas that are not available', {}, { availableReplicas: 1 }],
    [
      'no status numbers at all (0 is left out)',
      {},
      { replicas: undefined, updatedReplicas: undefined, availableReplicas: undefined },
    ],
  ])('with %s', (what, options, status) => {
    expect(rolloutState(deployment('a/b', { ...options, status })).state).toBe(
      what === 'done' ? 'done' : 'progressing',
    );
  });
  it('that exceeded its deadline has failed', () => {
    const status = {
      updatedReplicas: 1,
      conditions: [condition('Progressing', 'False', 'ProgressDeadlineExceeded')],
    };
    expect(rolloutState(deployment('a/b', { status })).state).toBe('failed');
  });
  it('with spec.replicas null wants one', () => {
    const one = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    expect(rolloutState(deployment('a/b', { spec: { replicas: null }, status: one })).state).toBe('done');
  });
  it('scaled to zero is done', () => {
    expect(
      rolloutState(
        deployment('a/b', {
          spec: { replicas: 0 },
          status: { replicas: 0, updatedReplicas: 0, availableReplicas: 0 },
        }),
      ).state,
    ).toBe('done');
  });
});

describe('a DaemonSet', () => {
  const daemonSet = (status: object, spec: object = {}) => ({
    kind: 'DaemonSet',
    metadata: { name: 'd', namespace: 'a', generation: 1 },
    spec,
    status: { observedGeneration: 1, ...status },
  });
  it('is done when every scheduled pod is updated and available', () => {
    expect(
      rolloutState(daemonSet({ desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 }))
        .state,
    ).toBe('done');
    expect(
      rolloutState(daemonSet({ desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 }))
        .state,
    ).toBe('progressing');
    expect(
      rolloutState(daemonSet({ desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2 }))
        .state,
    ).toBe('progressing');
  });
  it('with OnDelete rolls only by hand', () => {
    expect(rolloutState(daemonSet({}, { updateStrategy: { type: 'OnDelete' } })).state).toBe('manual');
  });
});

describe('a StatefulSet', () => {
  const statefulSet = (status: object, spec: object = {}) => ({
    kind: 'StatefulSet',
    metadata: { name: 's', namespace: 'a', generation: 1 },
    spec: { replicas: 3, ...spec },
    status: { observedGeneration: 1, readyReplicas: 3, ...status },
  });
  it('is done when its revisions agree', () => {
    expect(rolloutState(statefulSet({ currentRevision: 'r2', updateRevision: 'r2' })).state).toBe('done');
    expect(
      rolloutState(statefulSet({ currentRevision: 'r1', updateRevision: 'r2', updatedReplicas: 1 })).state,
    ).toBe('progressing');
    expect(
      rolloutState(statefulSet({ currentRevision: 'r2', updateRevision: 'r2', readyReplicas: 2 })).state,
    ).toBe('progressing');
  });
  it('with a partition is done beyond it', () => {
    const spec = { updateStrategy: { rollingUpdate: { partition: 2 } } };
    expect(
      rolloutState(statefulSet({ updatedReplicas: 1, currentRevision: 'r1', updateRevision: 'r2' }, spec))
        .state,
    ).toBe('done');
    expect(rolloutState(statefulSet({ currentRevision: 'r1', updateRevision: 'r2' }, spec)).state).toBe(
      'progressing',
    );
  });
});
