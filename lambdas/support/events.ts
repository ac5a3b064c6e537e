import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { createEventBus } from '../../lib/adapters/event-bridge.js';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import type { MetricName } from '../../lib/config/metric-names.js';
import type { EventBus, GuardEvent } from '../../lib/ports/events.js';
import type { MetricSample } from '../../lib/ports/own-metrics.js';
import type { Runtime } from './runtime.js';

export function events(runtime: Runtime): { events: EventBus } {
  const client = sharedClient(EventBridgeClient, runtime.config.aws.region);
  return {
    events: runtime.once('events', () =>
      counted(createEventBus({ client, busName: runtime.names.eventBus }), runtime),
    ),
  };
}

/** What was published is counted; what could not be published comes again. */
function counted(bus: EventBus, { metricsLog }: Runtime): EventBus {
  return {
    async publish(events) {
      await bus.publish(events);
      metricsLog.record(ofEvents(events));
    },
  };
}

/** Of a rollout's events, whoever publishes them: the sweep also ends rollouts. */
function ofEvents(events: readonly GuardEvent[]): MetricSample[] {
  return events.flatMap(({ type, detail }) => {
    const name = metricOf(type, detail);
    if (!name) return [];
    const { target, batch } = detail;
    return [{ name, value: 1, unit: 'Count', target: String(target), batch: String(batch) } as const];
  });
}

function metricOf(type: GuardEvent['type'], { what, outcome }: GuardEvent['detail']): MetricName | undefined {
  if (type === 'Rollout Changed' && what === 'rollback-opened') return 'guard.rollback.triggered';
  if (type !== 'Rollout Ended' || outcome === 'refused' || outcome === 'cancelled') return undefined;
  return outcome === 'healthy' ? 'guard.upgrade.success' : 'guard.upgrade.failed';
}
