import { randomUUID } from 'node:crypto';
import type { EventRule } from '../../config/event-rules.js';
import { messageOf } from '../../domain/errors.js';
import type { EngineClock, Timer } from '../clock.js';
import { openDurableMap } from './durable-map.js';
import { checkPattern, matchesPattern } from './event-pattern.js';

/** An event as a target gets it. */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** ISO 8601, whole seconds */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface PublishedEvent extends BusEvent {
  readonly bus: string;
}

export interface DeadLetter {
  readonly event: BusEvent;
  readonly rule: string;
  readonly handler: string;
  readonly attempts: number;
  readonly reason: string;
}

interface Delivery {
  readonly event: BusEvent;
  readonly rule: string;
  readonly handler: string;
  readonly attempts: number;
  /** Epoch milliseconds, simulated. */
  readonly since: number;
  readonly due: number;
}

export interface EventBuses {
  readonly names: readonly string[];
  rules(bus: string): readonly EventRule[];
  /** Returns when the event is kept; it is delivered on its own, at least once. */
  publish(
    bus: string,
    event: Pick<BusEvent, 'source' | 'detail-type' | 'detail'> & Partial<BusEvent>,
  ): BusEvent;
  /** The last events published, oldest first. */
  recent(): readonly PublishedEvent[];
  deadLetters(): readonly DeadLetter[];
  /** Takes up the deliveries that were still due when the engine ended; call it when handlers can run. */
  start(): void;
  stop(): void;
}

/** EventBridge's own limits for a target's retries. */
const MOST_ATTEMPTS = 185;
const MOST_AGE_MS = 24 * 3_600_000;
const LONGEST_PAUSE_MS = 15 * 60_000;
/** The tries of the first four minutes may be jumped to; a target that stays broken must not push time through a human's wait. */
const PRESSING_ATTEMPTS = 9;
const KEPT_EVENTS = 1000;

export interface EventBusOptions {
  clock: EngineClock;
  region: string;
  account: string;
  /** Name of GUARD's bus; rules say `guard`, whatever it is called. */
  guardBus: string;
  rules: readonly EventRule[];
  invoke: (handler: string, event: BusEvent) => Promise<unknown>;
  /** Deliveries that are still due are kept here, and taken up again. */
  file?: string;
  deadLetterFile?: string;
}

/** The default bus and GUARD's, with their rules; targets are handlers. */
export function createEventBuses(options: EventBusOptions): EventBuses {
  const { clock } = options;
  for (const rule of options.rules) checkPattern(rule.name, rule.pattern);
  const pending = openDurableMap<Delivery>(options.file);
  const dead = openDurableMap<DeadLetter>(options.deadLetterFile);
  const recent: PublishedEvent[] = [];
  const timers = new Map<string, Timer>();
  let stopped = false;

  function rules(bus: string): readonly EventRule[] {
    return options.rules.filter((rule) => (rule.bus === 'default' ? 'default' : options.guardBus) === bus);
  }

  function schedule(key: string, delivery: Delivery): void {
    const kind = delivery.attempts < PRESSING_ATTEMPTS ? 'work' : 'background';
    timers.set(
      key,
      clock.at(delivery.due, kind, () => deliver(key, delivery)),
    );
  }

  /** At once and beside other deliveries; time stands still until the handler is done. */
  function deliverNow(key: string, delivery: Delivery): void {
    void clock.busy(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await deliver(key, delivery);
    });
  }

  async function deliver(key: string, delivery: Delivery): Promise<void> {
    timers.delete(key);
    if (stopped) return;
    try {
      await options.invoke(delivery.handler, delivery.event);
      if (!stopped) pending.delete(key);
    } catch (error) {
      if (!stopped) again(key, { ...delivery, attempts: delivery.attempts + 1 }, error);
    }
  }

  function again(key: string, delivery: Delivery, error: unknown): void {
    const now = clock.now();
    const due = now + Math.min(1000 * 2 ** (delivery.attempts - 1), LONGEST_PAUSE_MS);
    if (delivery.attempts > MOST_ATTEMPTS || due - delivery.since > MOST_AGE_MS) {
      const { event, rule, handler, attempts } = delivery;
      dead.set(key, { event, rule, handler, attempts, reason: messageOf(error) });
      pending.delete(key);
      return;
    }
    const next = { ...delivery, due };
    pending.set(key, next);
    schedule(key, next);
  }

  return {
    names: ['default', options.guardBus],
    rules,
    publish(bus, given) {
      const now = clock.now();
      const event: BusEvent = {
        version: '0',
        id: randomUUID(),
        'detail-type': given['detail-type'],
        source: given.source,
        account: options.account,
        time: given.time ?? `${new Date(now).toISOString().slice(0, 19)}Z`,
        region: options.region,
        resources: given.resources ?? [],
        detail: given.detail,
      };
      recent.push({ ...event, bus });
      if (recent.length > KEPT_EVENTS) recent.shift();
      for (const { name, pattern, handler } of rules(bus)) {
        if (!matchesPattern(pattern, event)) continue;
        const key = `${event.id}/${name}`;
        const delivery = { event, rule: name, handler, attempts: 0, since: now, due: now };
        pending.set(key, delivery);
        deliverNow(key, delivery);
      }
      return event;
    },
    recent: () => recent,
    deadLetters: () => dead.entries().map(([, letter]) => letter),
    start() {
      for (const [key, delivery] of pending.entries()) schedule(key, delivery);
    },
    stop() {
      stopped = true;
      for (const timer of timers.values()) timer.cancel();
      pending.close();
      dead.close();
    },
  };
}
