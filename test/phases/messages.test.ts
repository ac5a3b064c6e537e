import { describe, expect, it } from '@jest/globals';
import { ConflictError, TerminalError } from '../../lib/domain/errors.js';
import { analyzeFailure } from '../../lib/phases/analyze-failure.js';
import { announce } from '../../lib/phases/announce.js';
import { measure } from '../../lib/phases/measure.js';
import { notify } from '../../lib/phases/notify.js';
import { takeWebhook } from '../../lib/phases/take-webhook.js';
import { watchFlux } from '../../lib/phases/watch-flux.js';
import { checked, KEY, merged, restarted, rollingBack } from '../support/fakes/drive.js';
import { quiet } from '../support/fakes/metrics.js';
import { PROJECT, SHORT, WAVE, type World, world } from '../support/fakes/world.js';

describe('take a webhook', () => {
  const delivery = (more: object = {}) => ({
    id: 'd1',
    project: PROJECT,
    iid: 1,
    action: 'merge',
    state: 'merged',
    branch: `guard/upgrade/${KEY}`,
    ...more,
  });

  it('publishes a delivery once', async () => {
    const w = world();
    expect(await takeWebhook(delivery(), w.ports)).toBe('published');
    expect(await takeWebhook(delivery(), w.ports)).toBe('duplicate');
    expect(await takeWebhook(delivery({ id: 'd2' }), w.ports)).toBe('published');
    expect(w.events.published).toMatchObject([
      {
        type: 'Merge Request Changed',
        id: 'd1',
        detail: { version: 1, project: PROJECT, iid: 1, action: 'merge', state: 'merged' },
      },
      { id: 'd2' },
    ]);
    const kept = w.journal.all().find(({ pk }) => pk === 'delivery#d1')!;
    expect(kept.ttl).toBe(w.clock.now() / 1000 + 7 * 86_400);
  });

  it('ignores branches that are not ours', async () => {
    const w = world();
    expect(await takeWebhook(delivery({ branch: 'feature/x' }), w.ports)).toBe('ignored');
    expect(w.events.published).toEqual([]);
  });

  it('takes the same delivery twice at the same moment', async () => {
    const w = world();
    const both = await Promise.all([takeWebhook(delivery(), w.ports), takeWebhook(delivery(), w.ports)]);
    expect(both).toEqual(['published', 'published']);
    expect(new Set(w.events.published.map(({ id }) => id))).toEqual(new Set(['d1']));
  });

  it('leaves an error of the journal to the retry', async () => {
    const w = world();
    w.ports.journal.put = async () => {
      throw new TerminalError('table not found');
    };
    await expect(takeWebhook(delivery(), w.ports)).rejects.toThrow('table not found');
    w.ports.journal.put = async () => {
      throw new ConflictError('exists');
    };
    expect(await takeWebhook(delivery(), w.ports)).toBe('published');
  });
});

describe('notify', () => {
  const event = (detail: object) => ({ id: 'e1', detail: { ...detail } });

  it('sends title, text, severity and links under the id of the event', async () => {
    const w = world();
    const detail = { severity: 'critical', title: 'ROLLBACK', text: 'P99', links: ['https://git.test/1', 7] };
    expect(await notify(event(detail), w.ports)).toEqual({ sent: ['slack'] });
    expect(w.notifier.sent).toEqual([
      {
        id: 'e1',
        severity: 'critical',
        title: 'ROLLBACK',
        text: 'P99',
        links: [{ title: 'merge request', url: 'https://git.test/1' }],
      },
    ]);
  });

  it('makes the best of an event that lacks what it should have', async () => {
    const w = world();
    await notify(event({ severity: 'purple' }), w.ports);
    expect(w.notifier.sent).toEqual([{ id: 'e1', severity: 'info', title: 'GUARD', text: '', links: [] }]);
  });

  it('is content with one channel that works, and asks for a retry without any', async () => {
    const w = world();
    w.notifier.channels = { working: ['slack'], broken: ['pagerduty'] };
    expect(await notify(event({}), w.ports)).toEqual({ sent: ['slack'] });
    expect(w.log.lines).toMatchObject([{ level: 'error', fields: { channel: 'pagerduty' } }]);
    w.notifier.channels = { working: [], broken: ['slack', 'pagerduty'] };
    await expect(notify(event({}), w.ports)).rejects.toMatchObject({
      name: 'GuardRetryableError',
      message: 'no channel took the notification: slack, pagerduty',
    });
  });

  it('tries again when the pager was not reached and it is critical, though chat was', async () => {
    const w = world();
    w.notifier.channels = { working: ['slack'], broken: ['pagerduty'] };
    await expect(notify(event({ severity: 'critical' }), w.ports)).rejects.toMatchObject({
      name: 'GuardRetryableError',
      message: 'not every channel took what is critical: pagerduty did not',
    });
    expect(await notify(event({ severity: 'warning' }), w.ports)).toEqual({ sent: ['slack'] });
  });

  it('is silent when it is configured so', async () => {
    const w = world({ config: { rollback: { notification: { enabled: false } } } });
    expect(await notify(event({}), w.ports)).toEqual({ sent: [] });
    expect(w.notifier.sent).toEqual([]);
  });
});

describe('analyze the failure', () => {
  const analyze = (w: World) => analyzeFailure({ rollout: KEY, reason: 'P99 doubled' }, w.ports);

  it('names the cluster, the metric, and that the others do not show it', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    w.metrics.value = (metric, id, t) =>
      quiet(metric, id, t) * (metric === 'latency_p99' && id === WAVE[2] && t >= start ? 2 : 1);
    await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
    w.clock.advance(3);
    await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
    const { summary, findings } = await analyze(w);
    expect(summary).toBe('istio 1.30.2 in dev-wave-1: P99 doubled');
    expect(findings[0]).toContain(`${WAVE[2]}: latency_p99 of ${WAVE[2]}`);
    expect(findings).toContain(
      `3 of 4 upgraded clusters do not show it: look at what is special about ${WAVE[2]}.`,
    );
    expect(findings.some((line) => /baseline/.test(line))).toBe(true);
  });

  it('suspects the version when every cluster shows it', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    const start = w.clock.now();
    w.metrics.firing = WAVE.map((cluster_id) => ({
      id: cluster_id,
      name: 'Pods crash',
      cluster_id,
      state: 'Alert',
      silenced: false,
    }));
    await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
    w.clock.advance(2);
    await measure({ rollout: KEY, direction: 'forward', stage: 'soak' }, w.ports);
    expect(start).toBeLessThan(w.clock.now());
    expect((await analyze(w)).findings).toContain(
      'Every cluster of the wave shows it: the version itself is suspect.',
    );
  });

  it('names what did not finish, and the checks that fail', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    w.clusters.of(WAVE[0]).refuses = new TerminalError('AccessDenied');
    await watchFlux({ rollout: KEY, direction: 'forward' }, w.ports);
    await checked(w, 'after');
    const { findings } = await analyze(w);
    expect(findings).toContain(`${WAVE[0]}: AccessDenied`);
    expect(findings).toContain(`${WAVE[0]}: api-reachable errored: cannot connect: AccessDenied`);
  });

  it('finds nothing where nothing was recorded', async () => {
    const w = world({ config: SHORT });
    await merged(w);
    expect(await analyze(w)).toEqual({ summary: 'istio 1.30.2 in dev-wave-1: P99 doubled', findings: [] });
  });
});

describe('tell people', () => {
  it('writes the analysis into the rollback and publishes it, once', async () => {
    const w = world({ config: SHORT });
    await rollingBack(w);
    await analyzeFailure({ rollout: KEY, reason: 'P99 doubled' }, w.ports);
    await announce({ rollout: KEY }, w.ports);
    await announce({ rollout: KEY }, w.ports);
    expect([...w.git.notes.keys()].filter((key) => key.startsWith('2 ')).length).toBe(1);
    expect([...w.git.notes.values()].join()).toContain('P99 doubled');
    const told = w.events.published.filter(({ type }) => type === 'Rollout Changed');
    expect(new Set(told.map(({ id }) => id))).toEqual(new Set([`${KEY}/rollback-opened`]));
    expect(told[0]!.detail).toMatchObject({
      severity: 'critical',
      direction: 'back',
      links: [w.git.requests[1]!.url, w.git.requests[0]!.url],
    });
  });

  it('does not wait for an analysis that could not be made', async () => {
    const w = world({ config: SHORT });
    await restarted(w);
    expect(await announce({ rollout: KEY }, w.ports)).toEqual({ announced: true });
    expect(w.events.published.at(-1)!.detail).toMatchObject({ text: 'no analysis could be made' });
  });
});
