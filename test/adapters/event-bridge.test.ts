import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { createEventBus } from '../../lib/adapters/event-bridge.js';
import { RetryableError, TerminalError } from '../../lib/domain/errors.js';
import type { GuardEvent } from '../../lib/ports/events.js';

const bridge = mockClient(EventBridgeClient);
const bus = createEventBus({
  client: new EventBridgeClient({ region: 'us-east-1' }),
  busName: 'guard',
  sleep: async () => {},
});
const event = (n: number, detail: Record<string, unknown> = { n }): GuardEvent => ({
  type: 'Rollout Changed',
  id: `event-${n}`,
  at: '2026-05-01T10:00:00.000Z',
  detail,
});
const taken = (n: number) => ({ Entries: Array.from({ length: n }, (_, i) => ({ EventId: `${i}` })) });
const sent = () =>
  bridge
    .commandCalls(PutEventsCommand)
    .map(({ args }) => (args[0].input.Entries ?? []).map(({ Detail }) => JSON.parse(Detail ?? '').event_id));

beforeEach(() => {
  bridge.reset();
  bridge.on(PutEventsCommand).callsFake(({ Entries }) => taken(Entries.length));
});

describe('publish', () => {
  it('puts source, type, time, and the id inside the detail', async () => {
    await bus.publish([event(1, { rollout: 'r' })]);
    expect(bridge.commandCalls(PutEventsCommand)[0]?.args[0].input.Entries).toEqual([
      {
        EventBusName: 'guard',
        Source: 'guard',
        DetailType: 'Rollout Changed',
        Time: new Date('2026-05-01T10:00:00.000Z'),
        Detail: '{"rollout":"r","event_id":"event-1"}',
      },
    ]);
  });

  it('puts at most ten and at most 256 KB in a call, in order', async () => {
    await bus.publish(Array.from({ length: 23 }, (_, i) => event(i)));
    expect(sent().map((ids) => ids.length)).toEqual([10, 10, 3]);
    expect(sent().flat()).toEqual(Array.from({ length: 23 }, (_, i) => `event-${i}`));
    bridge.resetHistory();
    await bus.publish([1, 2, 3].map((n) => event(n, { text: 'x'.repeat(100_000) })));
    expect(sent()).toEqual([['event-1', 'event-2'], ['event-3']]);
  });

  it('sends again only what failed', async () => {
    bridge
      .on(PutEventsCommand)
      .callsFake(({ Entries }) =>
        Entries.length === 3
          ? { Entries: [{ EventId: '1' }, { ErrorCode: 'ThrottlingException' }, { EventId: '3' }] }
          : taken(Entries.length),
      );
    await bus.publish([event(1), event(2), event(3)]);
    expect(sent()).toEqual([['event-1', 'event-2', 'event-3'], ['event-2']]);
  });

  it('gives up after some tries, and at once where trying is no use', async () => {
    bridge
      .on(PutEventsCommand)
      .resolves({ Entries: [{ ErrorCode: 'InternalFailure', ErrorMessage: 'oops' }] });
    await expect(bus.publish([event(1)])).rejects.toThrow(
      /Cannot publish 1 of 1 events on bus guard: InternalFailure: oops/,
    );
    await expect(bus.publish([event(1)])).rejects.toBeInstanceOf(RetryableError);
    expect(sent()).toHaveLength(8);
    bridge.resetHistory();
    bridge.on(PutEventsCommand).resolves({ Entries: [{ ErrorCode: 'MalformedDetail' }] });
    await expect(bus.publish([event(1)])).rejects.toBeInstanceOf(TerminalError);
    expect(sent()).toHaveLength(1);
  });

  it('refuses an event that no call could hold, before any is sent', async () => {
    const events = [event(1), event(2, { text: 'x'.repeat(270_000) })];
    await expect(bus.publish(events)).rejects.toThrow(/event event-2 \(Rollout Changed\): 264 KB/);
    expect(sent()).toEqual([]);
  });

  it('does nothing for no events', async () => {
    await bus.publish([]);
    expect(sent()).toEqual([]);
  });
});
