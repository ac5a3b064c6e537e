import { describe, expect, it } from '@jest/globals';
import { fluxState, releaseAt } from '../../../lib/targets/kubernetes/flux.js';
import { condition, helmRelease } from '../../support/kube.js';

describe('a HelmRelease', () => {
  it('is at a version when it is ready, deployed and observed', () => {
    expect(releaseAt(helmRelease('istiod', '1.30.2'), '1.30.2').state).toBe('ready');
  });
  it('may carry build metadata of an OCI digest', () => {
    const status = {
      history: [{ chartName: 'istiod', chartVersion: '1.30.2+0a1b2c3d4e5f', status: 'deployed' }],
    };
    expect(releaseAt(helmRelease('istiod', '1.30.2', { status }), '1.30.2').state).toBe('ready');
  });
  it('is not ready while the observed generation lags, whatever Ready says', () => {
    const lagging = helmRelease('istiod', '1.30.2', {
      generation: 4,
      status: { observedGeneration: 3, lastAttemptedGeneration: 4 },
    });
    expect(releaseAt(lagging, '1.30.2').state).toBe('progressing');
  });
  it('that Flux rolled back by itself has failed, although its newest chart is deployed', () => {
    const status = {
      history: [{ chartName: 'istiod', chartVersion: '1.29.4', status: 'deployed' }],
      conditions: [
        condition('Ready', 'False', 'RollbackSucceeded', 'back to 1.29.4'),
        condition('Remediated', 'True'),
      ],
    };
    const state = releaseAt(helmRelease('istiod', '1.30.2', { status }), '1.30.2');
    expect(state.state).toBe('failed');
    expect(state.message).toContain('rolled back by Flux');
  });
  it('is not at the new version when Ready is of the old revision', () => {
    expect(releaseAt(helmRelease('istiod', '1.29.4'), '1.30.2')).toMatchObject({
      state: 'progressing',
      message: 'has 1.29.4, not 1.30.2',
    });
  });
  it('that is suspended will not be applied', () => {
    expect(releaseAt(helmRelease('istiod', '1.30.2', { spec: { suspend: true } }), '1.30.2').state).toBe(
      'suspended',
    );
  });
  it('that is stalled has failed', () => {
    const status = {
      conditions: [
        condition('Stalled', 'True', 'RetriesExceeded', 'gave up'),
        condition('Ready', 'False', 'UpgradeFailed'),
      ],
    };
    expect(fluxState(helmRelease('istiod', '1.30.2', { status })).state).toBe('failed');
  });
  it('that failed at an earlier generation has not failed at this one', () => {
    const failed = [
      condition('Stalled', 'True', 'RetriesExceeded', 'gave up'),
      condition('Remediated', 'True', 'RollbackSucceeded'),
      condition('Ready', 'False', 'RollbackSucceeded'),
    ];
    const status = { observedGeneration: 3, lastAttemptedGeneration: 3, conditions: failed };
    expect(fluxState(helmRelease('istiod', '1.29.4', { generation: 4, status })).state).toBe('progressing');
    expect(fluxState(helmRelease('istiod', '1.29.4', { generation: 3, status })).state).toBe('failed');
  });
  it('that waits for a dependency has not failed', () => {
    const status = { conditions: [condition('Ready', 'False', 'DependencyNotReady', 'base is not ready')] };
    expect(fluxState(helmRelease('istiod', '1.30.2', { status })).state).toBe('progressing');
  });
  it('without any condition is not ready', () => {
    expect(fluxState(helmRelease('istiod', '1.30.2', { status: { conditions: [] } })).state).toBe(
      'progressing',
    );
    expect(fluxState({ metadata: { name: 'x', generation: 1 } }).state).toBe('progressing');
  });
});
