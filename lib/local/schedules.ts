import type { EngineClock, Timer } from './clock.js';

export interface Schedule {
  /** Name of the handler. */
  readonly handler: string;
  readonly everySeconds: number;
}

/**
 * Runs handlers again and again, as EventBridge Scheduler would. The timers are `background`: a sweep that is due
 * runs in passing and is no reason for time to jump. A run that fails is counted by the function table, and the
 * next one comes at its time.
 */
export function startSchedules(options: {
  clock: EngineClock;
  schedules: readonly Schedule[];
  region: string;
  account: string;
  invoke: (handler: string, event: unknown) => Promise<unknown>;
}): { stop(): void } {
  const { clock, region, account } = options;
  const timers = new Map<Schedule, Timer>();
  let stopped = false;

  function plan(schedule: Schedule): void {
    if (stopped) return;
    const due = clock.now() + schedule.everySeconds * 1000;
    timers.set(
      schedule,
      clock.at(due, 'background', () => run(schedule)),
    );
  }

  async function run(schedule: Schedule): Promise<void> {
    const event = {
      version: '0',
      'detail-type': 'Scheduled Event',
      source: 'aws.scheduler',
      account,
      region,
      time: new Date(clock.now()).toISOString(),
      resources: [],
      detail: {},
    };
    try {
      await options.invoke(schedule.handler, event);
    } catch {
      // Counted where it was invoked; a schedule goes on.
    }
    plan(schedule);
  }

  options.schedules.forEach(plan);
  return {
    stop() {
      stopped = true;
      for (const timer of timers.values()) timer.cancel();
    },
  };
}
