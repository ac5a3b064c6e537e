/** The event bus. Delivery is at least once, so every event has an id made from what it is about. */
export interface EventBus {
  publish(events: readonly GuardEvent[]): Promise<void>;
}

export const EVENT_SOURCE = 'guard';
export const EVENT_TYPES = {
  mergeRequestChanged: 'Merge Request Changed',
  rolloutChanged: 'Rollout Changed',
  gateOpened: 'Gate Opened',
  rolloutEnded: 'Rollout Ended',
} as const;

export interface GuardEvent {
  readonly type: (typeof EVENT_TYPES)[keyof typeof EVENT_TYPES];
  /** Same happening, same id. */
  readonly id: string;
  /** ISO 8601 */
  readonly at: string;
  /** JSON; under 256 KB with everything. Never a secret, never a task token. */
  readonly detail: Readonly<Record<string, unknown>>;
}
