import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../../../lib/ports/cluster-access.js';
import { type RestartCounts, restartCounts, restartSpike } from '../../../lib/targets/kubernetes/restarts.js';
import { listed, pod } from '../../support/kube.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const MERGED = NOW - 3_600_000;
const BEFORE = MERGED - 3_600_000;
const minutesAgo = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

interface Restarts {
  readonly count?: number;
  /** Minutes since the newest one. */
  readonly ago?: number;
  readonly loop?: boolean;
}

function with_(
  name: string,
  main: Restarts,
  more: { init?: Restarts; created?: number; phase?: string } = {},
): KubeObject {
  const base = pod(`shop/Deployment/${name}`, '1.30.2', { phase: more.phase });
  const status = (container: string, { count = 0, ago, loop }: Restarts) => ({
    name: container,
    restartCount: count,
    state: loop ? { waiting: { reason: 'CrashLoopBackOff' } } : { running: {} },
    ...(ago === undefined ? {} : { lastState: { terminated: { finishedAt: minutesAgo(ago) } } }),
  });
  return {
    ...base,
    metadata: {
      ...base.metadata,
      uid: `uid-${name}`,
      creationTimestamp: new Date(more.created ?? BEFORE - 86_400_000).toISOString(),
    },
    status: {
      ...base.status,
      containerStatuses: [status('app', main)],
      ...(more.init ? { initContainerStatuses: [status('istio-proxy', more.init)] } : {}),
    },
  };
}

const all = (_pod: KubeObject): boolean => true;
const judge = (stage: 'before' | 'after', pods: KubeObject[], earlier?: RestartCounts, belongs = all) =>
  restartSpike({ pods: listed(...pods) }, { stage, belongs, now: NOW, changedAt: MERGED, earlier });
const counted = (...pods: KubeObject[]) => restartCounts(pods, all, BEFORE);

describe('restarts, before the change', () => {
  it('passes with old restarts, however many', () => {
    expect(judge('before', [with_('cart', { count: 40, ago: 500 })]).verdict).toBe('passed');
  });
  it('fails with a container in CrashLoopBackOff, among native sidecars too', () => {
    expect(judge('before', [with_('cart', { count: 9, loop: true })])).toMatchObject({
      verdict: 'failed',
      message: 'in CrashLoopBackOff: shop/cart-x1 app (9 restarts)',
    });
    expect(judge('before', [with_('cart', {}, { init: { count: 9, loop: true } })]).verdict).toBe('failed');
  });
  it('fails when many containers restarted within ten minutes, and not when they did so earlier', () => {
    const six = (ago: number) => ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => with_(name, { count: 1, ago }));
    expect(judge('before', six(9)).verdict).toBe('failed');
    expect(judge('before', six(9).slice(1)).verdict).toBe('passed');
    expect(judge('before', six(11)).verdict).toBe('passed');
  });
});

describe('restarts, after the change', () => {
  it('passes when the counts are those before', () => {
    const old = with_('cart', { count: 40, ago: 500 });
    expect(judge('after', [old], counted(old)).verdict).toBe('passed');
  });
  it('fails when a container restarted three times since, and shows both counts', () => {
    const result = judge(
      'after',
      [with_('cart', { count: 43, ago: 20 })],
      counted(with_('cart', { count: 40 })),
    );
    expect(result).toMatchObject({
      verdict: 'failed',
      message: expect.stringContaining('shop/cart-x1 app (3 times)'),
    });
    expect(result.evidence[0]).toMatchObject({ value: 43, baseline: 40, limit: 42 });
    expect(
      judge('after', [with_('cart', { count: 42, ago: 20 })], counted(with_('cart', { count: 40 }))).verdict,
    ).toBe('passed');
  });
  it('counts init containers and native sidecars', () => {
    const spiking = with_('cart', {}, { init: { count: 3, ago: 20 } });
    expect(judge('after', [spiking], counted(with_('cart', {}))).verdict).toBe('failed');
  });
  it('a pod that was made since began at zero', () => {
    const fresh = with_('cart', { count: 3, ago: 20 }, { created: MERGED + 60_000 });
    expect(judge('after', [fresh], counted()).verdict).toBe('failed');
    expect(judge('after', [fresh], undefined).verdict).toBe('failed');
  });
  it('restarts that ended before the change are not its doing', () => {
    expect(judge('after', [with_('cart', { count: 9, ago: 90 })], counted()).verdict).toBe('passed');
  });
  it('is not passed when nobody knows the counts before', () => {
    const old = with_('cart', { count: 9, ago: 20 });
    expect(judge('after', [old], undefined).verdict).toBe('inconclusive');
    expect(judge('after', [old], { at: BEFORE, counts: {}, cut: true }).verdict).toBe('inconclusive');
    expect(judge('after', [with_('cart', { count: 9 })], undefined).verdict).toBe('inconclusive');
  });
  it('fails in CrashLoopBackOff whatever was before', () => {
    const looping = with_('cart', { count: 9, ago: 90, loop: true });
    expect(judge('after', [looping], counted(looping)).verdict).toBe('failed');
  });
});

describe('restarts', () => {
  it('leave out pods that the change does not touch, and finished ones', () => {
    const looping = with_('report', { count: 9, loop: true });
    const fine = with_('cart', {});
    expect(
      judge('before', [fine, looping], undefined, (one) => one.metadata.name !== 'report-x1').verdict,
    ).toBe('passed');
    expect(judge('before', [fine, with_('job', { count: 9, loop: true }, { phase: 'Failed' })]).verdict).toBe(
      'passed',
    );
  });
  it('are not passed without any pod, or where a running pod shows no container', () => {
    expect(judge('before', []).verdict).toBe('inconclusive');
    const mute = with_('cart', {});
    expect(judge('before', [{ ...mute, status: { phase: 'Running' } }]).verdict).toBe('inconclusive');
    expect(
      restartSpike(
        { pods: { error: '403' } },
        { stage: 'before', belongs: all, now: NOW, changedAt: MERGED, earlier: undefined },
      ).verdict,
    ).toBe('errored');
  });
  it('are kept bounded, the highest first, and the cut is said', () => {
    const many = Array.from({ length: 1001 }, (_, i) => with_(`p${i}`, { count: i + 1 }));
    const kept = counted(...many);
    expect(Object.keys(kept.counts)).toHaveLength(1000);
    expect(kept.cut).toBe(true);
    expect(kept.counts['uid-p0/app']).toBeUndefined();
    expect(counted(with_('a', {})).counts).toEqual({});
  });
});
