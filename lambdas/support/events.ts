import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { createEventBus } from '../../lib/adapters/event-bridge.js';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import type { EventBus } from '../../lib/ports/events.js';
import type { Runtime } from './runtime.js';

export function events(runtime: Runtime): { events: EventBus } {
  const client = sharedClient(EventBridgeClient, runtime.config.aws.region);
  return {
    events: runtime.once('events', () => createEventBus({ client, busName: runtime.names.eventBus })),
  };
}
