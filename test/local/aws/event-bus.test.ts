import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { EventRule } from '../../../lib/config/event-rules.js';
import { createEventBuses, type EventBusOptions } from '../../../lib/local/aws/event-bus.js';
import type { EngineClock } from '../../../lib/local/clock.js';
import { createDiscreteClock } from '../../../lib/local/discrete-clock.js';

const START = Date.UTC(2026, 0, 1);
const rule: EventRule = {
  name: 'opened',
  description: '',
  bus: 'guard',
  pattern: { source: ['guard'] },
  handler: 'Notify',
};
const gate = { source: 'guard', 'detail-type': 'Gate Opened', detail: { id: 'g1' } };
const clocks: EngineClock[] = [];
afterEach(() => clocks.splice(0).forEach((clock) => void clock.stop()));

function setUp(invoke: EventBusOptions['invoke'], more: Partial<EventBusOptions> = {}) {
  const clock = createDiscreteClock({ start: START });
  clocks.push(clock);
  const buses = createEventBuses({
    clock,
    region: 'eu-west-1',
    account: '111122223333',
    guardBus: 'guard',
    rules: [rule],
    invoke,
    ...more,
  });
  /** Until a simulated time, jumping there. */
  const until = (time: number) =>
    new Promise<void>((resolve) => void clock.at(time, 'work', () => resolve()));
  return { clock, buses, until };
}

describe('createEventBuses', () => {
  it('brings an event to the handler of a rule that matches, with all that EventBridge adds', async () => {
    const got: unknown[] = [];
    const { buses, until } = setUp(async (handler, event) => got.push({ handler, event }));
    const { id } = buses.publish('guard', gate);
    buses.publish('default', gate);
    buses.publish('guard', { ...gate, source: 'other' });
    await until(START + 1);
    expect(got).toEqual([
      {
        handler: 'Notify',
        event: {
          version: '0',
          id,
          ...gate,
          account: '111122223333',
          time: '2026-01-01T00:00:00Z',
          region: 'eu-west-1',
          resources: [],
        },
      },
    ]);
    expect(buses.recent().map((event) => `${event.bus} ${event.source}`)).toEqual([
      'guard guard',
      'default guard',
      'guard other',
    ]);
  });

  it('tries again with growing pauses until the handler takes the event', async () => {
    const tries: number[] = [];
    const { clock, buses, until } = setUp(async () => {
      tries.push(clock.now() - START);
      if (tries.length < 4) throw new Error('not yet');
    });
    buses.publish('guard', gate);
    await until(START + 3_600_000);
    expect(tries).toEqual([0, 1000, 3000, 7000]);
    expect(buses.deadLetters()).toEqual([]);
  });

  it('gives up after a day and keeps the event with the reason', async () => {
    let tries = 0;
    const { buses, until } = setUp(async () => {
      tries += 1;
      throw new Error('chat is gone');
    });
    const event = buses.publish('guard', gate);
    await until(START + 25 * 3_600_000);
    expect(buses.deadLetters()).toEqual([
      { event, rule: 'opened', handler: 'Notify', attempts: tries, reason: 'chat is gone' },
    ]);
    expect(tries).toBeGreaterThan(90);
    expect(tries).toBeLessThanOrEqual(186);
  });

  it('does not push time through a human wait for a handler that stays broken', async () => {
    const { clock, buses } = setUp(async () => {
      throw new Error('chat is gone');
    });
    buses.publish('guard', gate);
    // Real milliseconds, in which the discrete clock would run through a whole day of tries.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(clock.now() - START).toBeLessThan(5 * 60_000);
    expect(clock.now() - START).toBeGreaterThanOrEqual(255_000);
  });

  it('delivers after a restart what a killed process had taken and not delivered', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'guard-bus-')), 'deliveries.jsonl');
    const killed = setUp(() => new Promise(() => {}), { file });
    const { id } = killed.buses.publish('guard', gate);
    const got: string[] = [];
    const next = setUp(async (_handler, event) => got.push(event.id), { file });
    expect(got).toEqual([]);
    next.buses.start();
    await next.until(START + 1);
    expect(got).toEqual([id]);
    next.buses.stop();
    const last = setUp(async (_handler, event) => got.push(event.id), { file });
    last.buses.start();
    await last.until(START + 1);
    expect(got).toEqual([id]);
  });

  it('delivers nothing after it was stopped', async () => {
    const got: unknown[] = [];
    const { buses, until } = setUp(async (_handler, event) => got.push(event));
    buses.publish('guard', gate);
    buses.stop();
    await until(START + 60_000);
    expect(got).toEqual([]);
  });
});
