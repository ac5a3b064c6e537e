import { createNotifier } from '../../lib/adapters/notify/notifier.js';
import type { Notifier } from '../../lib/ports/notifier.js';
import type { Runtime } from './runtime.js';
import { secrets } from './secrets.js';

export function notifier(runtime: Runtime): { notifier: Notifier } {
  const { notification } = runtime.config.rollback;
  return {
    notifier: runtime.once('notifier', () =>
      createNotifier({ channels: notification, secret: (name: string) => secrets(runtime).get(name) }),
    ),
  };
}
