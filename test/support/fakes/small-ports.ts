import { RefusedError } from '../../../lib/domain/errors.js';
import type { EventBus, GuardEvent } from '../../../lib/ports/events.js';
import type { ExecutionStatus, Executions } from '../../../lib/ports/executions.js';
import type { IstioAnalyzer, IstioFinding } from '../../../lib/ports/istio-analyzer.js';
import type { Log } from '../../../lib/ports/log.js';
import type { Notification, Notifier } from '../../../lib/ports/notifier.js';

export interface FakeEventBus extends EventBus {
  readonly published: GuardEvent[];
}

export function createFakeEventBus(): FakeEventBus {
  const published: GuardEvent[] = [];
  return {
    published,
    async publish(events) {
      published.push(...events);
    },
  };
}

export interface FakeExecutions extends Executions {
  readonly started: { name: string; input: unknown }[];
  readonly resumed: { token: string; output: unknown }[];
  /** Tokens that nobody waits for any more. */
  readonly gone: Set<string>;
  set(arn: string, status: ExecutionStatus, cause?: string): void;
}

export function createFakeExecutions(): FakeExecutions {
  const executions = new Map<string, { status: ExecutionStatus; cause?: string; redrivable: boolean }>();
  const started: FakeExecutions['started'] = [];
  const resumed: FakeExecutions['resumed'] = [];
  const gone = new Set<string>();
  return {
    started,
    resumed,
    gone,
    set(arn, status, cause) {
      executions.set(arn, { status, redrivable: status !== 'RUNNING', ...(cause ? { cause } : {}) });
    },
    async start(name, input) {
      const arn = `arn:${name}`;
      const status = executions.get(arn)?.status;
      if (status !== undefined && status !== 'RUNNING') throw new RefusedError(`'${name}' was used up`);
      if (status === undefined) {
        executions.set(arn, { status: 'RUNNING', redrivable: false });
        started.push({ name, input });
      }
      return { arn };
    },
    describe: async (arn) => executions.get(arn),
    async stop(arn, cause) {
      executions.set(arn, { status: 'ABORTED', cause, redrivable: true });
    },
    async redrive(arn) {
      executions.set(arn, { status: 'RUNNING', redrivable: false });
    },
    async resume(token, output) {
      if (gone.has(token)) return 'gone';
      gone.add(token);
      resumed.push({ token, output });
      return 'resumed';
    },
  };
}

export interface FakeAnalyzer extends IstioAnalyzer {
  findings: IstioFinding[] | undefined;
}

export function createFakeAnalyzer(): FakeAnalyzer {
  const analyzer: FakeAnalyzer = { findings: undefined, analyze: async () => analyzer.findings };
  return analyzer;
}

export interface FakeNotifier extends Notifier {
  readonly sent: Notification[];
  /** Channels that work, and channels that do not. */
  channels: { working: string[]; broken: string[] };
}

export function createFakeNotifier(): FakeNotifier {
  const notifier: FakeNotifier = {
    sent: [],
    channels: { working: ['slack'], broken: [] },
    async send(notification) {
      notifier.sent.push(notification);
      const { working, broken } = notifier.channels;
      return { sent: working, failed: broken.map((channel) => ({ channel, reason: 'status 500' })) };
    },
  };
  return notifier;
}

export interface FakeLog extends Log {
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[];
}

export function createFakeLog(): FakeLog {
  const lines: FakeLog['lines'] = [];
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ level, message, fields });
    };
  return { lines, info: at('info'), warn: at('warn'), error: at('error'), debug: at('debug') };
}
