import { describe, expect, it } from '@jest/globals';
import type { KubeObject, KubernetesApi } from '../../../lib/ports/cluster-access.js';
import { istioApplied } from '../../../lib/targets/istio/applied.js';
import { condition, helmRelease, istiod } from '../../support/kube.js';

const MERGED = Date.parse('2026-06-01T12:00:00Z');

function applied(objects: {
  releases?: KubeObject[];
  deployments?: KubeObject[];
  daemonSets?: KubeObject[];
  kustomizations?: KubeObject[];
  refuses?: string;
}) {
  const { releases = [helmRelease('istiod', '1.30.2')], deployments = [istiod('1.30.2')] } = objects;
  const lists: Record<string, KubeObject[]> = {
    helmreleases: releases,
    deployments,
    daemonsets: objects.daemonSets ?? [],
    kustomizations: objects.kustomizations ?? [],
    gitrepositories: [],
  };
  const api = {
    list: async (path: string) => {
      const kind = path.split('/').at(-1)!;
      if (objects.refuses === kind) throw new Error('403 forbidden');
      return lists[kind];
    },
  } as unknown as KubernetesApi;
  return istioApplied({
    api,
    cluster: undefined as never,
    version: '1.30.2',
    from: '1.29.4',
    direction: 'forward',
    now: MERGED + 60_000,
    changedAt: MERGED,
  });
}

const at = (options: Parameters<typeof helmRelease>[2], version = '1.30.2') =>
  applied({ releases: [helmRelease('istiod', version, options)] });

describe('a HelmRelease says little by one signal: applied', () => {
  it('when it is deployed at the version, ready and observed, and istiod runs it', async () => {
    expect(await applied({})).toEqual({ state: 'done', message: 'applied 1.30.2' });
  });
  it('not when Flux rolled it back and its newest history entry says deployed', async () => {
    const status = {
      history: [{ chartName: 'istiod', chartVersion: '1.29.4', status: 'deployed' }],
      conditions: [condition('Ready', 'False', 'RollbackSucceeded'), condition('Remediated', 'True')],
    };
    expect(await at({ status })).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('rolled back by Flux'),
    });
  });
  it('not while its observedGeneration lags behind the new specification', async () => {
    const step = await at({ generation: 4, status: { observedGeneration: 3, lastAttemptedGeneration: 4 } });
    expect(step).toMatchObject({ state: 'waiting', message: expect.stringContaining('not observed yet') });
  });
  it('not when it is Ready with the old revision', async () => {
    const ready = helmRelease('istiod', '1.30.2', {
      status: { history: [{ chartName: 'istiod', chartVersion: '1.29.4', status: 'deployed' }] },
    });
    expect(await applied({ releases: [ready] })).toMatchObject({
      state: 'waiting',
      message: expect.stringContaining('has 1.29.4, not 1.30.2'),
    });
    expect(await at({}, '1.29.4')).toMatchObject({
      state: 'waiting',
      message: expect.stringContaining('still asks for 1.29.4'),
    });
  });
  it('never when it is suspended', async () => {
    expect(
      await at({ spec: { suspend: true, chart: { spec: { chart: 'istiod', version: '1.30.2' } } } }),
    ).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('is suspended'),
    });
  });
  it('never when it is stalled', async () => {
    const status = {
      conditions: [
        condition('Stalled', 'True', 'RetriesExceeded', 'gave up'),
        condition('Ready', 'False', 'UpgradeFailed'),
      ],
    };
    expect(await at({ status })).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('stalled: RetriesExceeded'),
    });
  });
  it('not when there is none, or they cannot be listed', async () => {
    expect((await applied({ releases: [] })).state).toBe('errored');
    expect((await applied({ refuses: 'helmreleases' })).state).toBe('errored');
  });
});

describe('the parts must run the version, whatever Helm says', () => {
  const agent = (tag: string, status: object = {}): KubeObject => ({
    metadata: { name: 'ztunnel', namespace: 'istio-system', generation: 1 },
    spec: {
      template: {
        metadata: { labels: { app: 'ztunnel' } },
        spec: { containers: [{ image: `istio/ztunnel:${tag}` }] },
      },
    },
    status: {
      observedGeneration: 1,
      desiredNumberScheduled: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
      ...status,
    },
  });
  it('an istiod that rolls, or has another image, is waited for', async () => {
    const rolling = istiod('1.30.2', { status: { updatedReplicas: 1 } });
    expect((await applied({ deployments: [rolling] })).state).toBe('waiting');
    expect((await applied({ deployments: [istiod('1.29.4')] })).message).toBe(
      'istio-system/istiod runs 1.29.4',
    );
  });
  it('so is a ztunnel', async () => {
    expect((await applied({ daemonSets: [agent('1.30.2')] })).state).toBe('done');
    expect(await applied({ daemonSets: [agent('1.29.4')] })).toMatchObject({
      state: 'waiting',
      message: 'istio-system/ztunnel runs 1.29.4',
    });
    const rolling = await applied({ daemonSets: [agent('1.30.2', { updatedNumberScheduled: 1 })] });
    expect(rolling).toMatchObject({ state: 'waiting', message: 'istio-system/ztunnel: 1 of 2 pods updated' });
    expect((await applied({ refuses: 'daemonsets' })).state).toBe('errored');
  });
});
