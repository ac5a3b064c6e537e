import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EventRule, eventRules } from '../config/event-rules.js';
import { DEFAULT_NAMES, ENV } from '../config/names.js';
import { JOURNAL_TABLE, REGISTRY_TABLE } from '../config/tables.js';
import { UsageError } from '../domain/errors.js';
import type { Accounts } from './aws/accounts.js';
import { openDynamoDb } from './aws/dynamodb.js';
import { createMeter, type TableUsage } from './aws/dynamodb-usage.js';
import { createEks } from './aws/eks.js';
import { createEventBuses, type DeadLetter, type PublishedEvent } from './aws/event-bus.js';
import { createEventsApi } from './aws/events-api.js';
import { createHttpApi } from './aws/http-api.js';
import { createIdentities, type Identities } from './aws/identities.js';
import { createLambdaApi } from './aws/lambda-api.js';
import { createSecretsManager } from './aws/secrets-manager.js';
import { startAwsEndpoint } from './aws/server.js';
import { statusChangeEvent } from './aws/status-events.js';
import { createStepFunctions } from './aws/step-functions.js';
import { callerArn, createSts } from './aws/sts.js';
import type { EngineClock } from './clock.js';
import { useEnvironment } from './environment.js';
import type { ExecutionService, ExecutionServiceOptions } from './executions.js';
import { createExecutionService } from './executions-service.js';
import { createFunctions, type FunctionCalls, type HandlerSource, handlersOf } from './functions.js';
import { keepTime } from './kept-time.js';
import { loadMachines } from './machines.js';
import { type Schedule, startSchedules } from './schedules.js';
import { ensureTable } from './tables.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const WEBHOOK_PATH = '/webhooks/gitlab';
/** Where handlers look for the time; a symbol of the registry, so that bundled code finds it too. */
const CLOCK_KEY = Symbol.for('guard.clock');

export interface EngineOptions {
  /** Stopped with the engine. With `dataDir` it begins at `startTimeOf(dataDir)`, lib/local/kept-time.ts. */
  clock: EngineClock;
  accounts: Accounts;
  region: string;
  /** Twelve digits: the account that GUARD itself runs in. */
  account: string;
  /** Tables, executions, secrets and undelivered events stay here, and survive `kill -9`. Default: memory. */
  dataDir?: string;
  /** 0 or none: any free port. After a restart within one process give the same one, since SDK clients keep it. */
  port?: number;
  /** Set for the handlers, over what the engine sets itself. Names: lib/config/names.ts. */
  env?: Readonly<Record<string, string>>;
  schedules?: readonly Schedule[];
  /** Real milliseconds that every call to AWS takes longer. */
  latencyMs?: number;
  /** Default: the files of `lambdas/`. */
  handlers?: Readonly<Record<string, HandlerSource>>;
  /** The handlers of `lambdas/` run in so many threads of their own, so that cores share the work. Default: none. */
  threads?: number;
  /** Name to ASL. Default: the files of `statemachines/`. */
  machines?: Readonly<Record<string, unknown>>;
  /** Default: those of lib/config/event-rules.ts. */
  rules?: readonly EventRule[];
  /** Another interpreter, for tests. */
  createExecutions?: (options: ExecutionServiceOptions) => ExecutionService;
  /** Counts what DynamoDB would bill. */
  meterTables?: boolean;
  /** Told about faults of the engine itself. */
  onFault?: (error: unknown) => void;
}

export interface Engine {
  /** The one AWS endpoint, `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly webhookUrl: string;
  readonly executions: ExecutionService;
  readonly identities: Identities;
  /** Per handler, how often it ran and failed. */
  readonly functionCalls: Readonly<Record<string, FunctionCalls>>;
  /** Per operation, how often it was called over the wire. */
  readonly awsCalls: Readonly<Record<string, number>>;
  /** Per table, with `meterTables`. */
  readonly tableUsage: Readonly<Record<string, TableUsage>>;
  /** @throws UsageError for a machine that is not there */
  stateMachineArn(name: string): string;
  /** Runs a handler by hand. */
  invoke(handler: string, payload: unknown): Promise<unknown>;
  /** The last events on the buses, oldest first. */
  events(): readonly PublishedEvent[];
  /** Events whose handler kept failing until the engine gave up. */
  deadLetters(): readonly DeadLetter[];
  /** Ends everything: afterwards nothing keeps the process alive, and the environment is as it was. */
  stop(): Promise<void>;
}

/**
 * The whole of GUARD's AWS side in this process: functions, state machines, tables, buses, one endpoint. The
 * environment belongs to the process, so one engine runs at a time.
 *
 * @throws UsageError: a placeholder or a rule without a handler, a port in use, a data directory in use
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { clock, region, account, accounts } = options;
  const file = (name: string) => (options.dataDir === undefined ? undefined : join(options.dataDir, name));
  const now = () => clock.now();

  const handlers = options.handlers ?? handlersOf(join(PROJECT, 'lambdas'));
  const functions = createFunctions({
    clock,
    region,
    account,
    handlers,
    threads: options.threads,
  });
  const machines = options.machines ?? loadMachines(join(PROJECT, 'statemachines'), functions.names);
  const machineArn = (name: string) => `arn:aws:states:${region}:${account}:stateMachine:${name}`;

  const env = {
    [ENV.registryTable]: DEFAULT_NAMES.registryTable,
    [ENV.journalTable]: DEFAULT_NAMES.journalTable,
    [ENV.eventBus]: DEFAULT_NAMES.eventBus,
    [ENV.stateMachineArn]: machineArn(DEFAULT_NAMES.rolloutMachine),
    ...options.env,
  };
  const rules = options.rules ?? eventRules(env[ENV.stateMachineArn]!);
  const wanted = [...rules, ...(options.schedules ?? [])].map((each) => each.handler);
  const missing = wanted.filter((handler) => functions.resolve(handler) === undefined);
  if (missing.length > 0) {
    throw new UsageError(
      `no handler in lambdas/ for ${[...new Set(missing)].join(', ')}, which rules or schedules name`,
    );
  }

  /** Last first: what was started later needs what was started before. */
  const ends: (() => unknown)[] = [];
  async function stop(): Promise<void> {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  }
  try {
    return await assemble();
  } catch (error) {
    await stop();
    throw error;
  }

  async function assemble(): Promise<Engine> {
    const tables = { [env[ENV.registryTable]!]: REGISTRY_TABLE, [env[ENV.journalTable]!]: JOURNAL_TABLE };
    const meter = options.meterTables ? createMeter(tables) : undefined;
    const db = await openDynamoDb({ path: file('tables'), region, account, ...(meter ? { meter } : {}) });
    ends.push(db.close);
    for (const [name, shape] of Object.entries(tables)) await ensureTable(db, name, shape);
    const secrets = createSecretsManager({ now, region, account, file: file('secrets.jsonl') });
    ends.push(secrets.close);
    const shared = globalThis as { [CLOCK_KEY]?: () => number };
    shared[CLOCK_KEY] = now;
    ends.push(() => delete shared[CLOCK_KEY]);

    const identities = createIdentities({ clock, accounts, caller: callerArn(account) });
    const services = [db.service, secrets.service];
    const endpoint = await startAwsEndpoint({
      clock,
      region,
      identities,
      json: services,
      sts: createSts({ identities, account, now }),
      eks: createEks({ accounts, identities, account }),
      lambda: createLambdaApi(functions),
      httpApi: createHttpApi({
        routes: { [`POST ${WEBHOOK_PATH}`]: 'GitlabWebhook' },
        now,
        account,
        region,
        invoke: functions.invoke,
      }),
      port: options.port,
      latencyMs: options.latencyMs,
      onFault: options.onFault,
    });
    const leaveEnvironment = useEnvironment(endpoint.url, region, env);
    ends.push(async () => {
      const [idle] = await Promise.all([functions.close(), endpoint.close()]);
      // A handler that still runs must go on finding the dead endpoint, and not the user's own AWS settings.
      if (idle) leaveEnvironment();
    });

    const buses = createEventBuses({
      clock,
      region,
      account,
      guardBus: env[ENV.eventBus]!,
      rules,
      invoke: functions.invoke,
      file: file('deliveries.jsonl'),
      deadLetterFile: file('dead-letters.jsonl'),
    });
    ends.push(buses.stop);
    services.push(createEventsApi({ buses, region, account }));

    // From here on, executions and deliveries of an earlier process go on, so all that they need is there.
    const executions = (options.createExecutions ?? createExecutionService)({
      clock,
      region,
      account,
      machines,
      invoke: functions.invoke,
      onStatusChange: (execution) => buses.publish('default', statusChangeEvent(execution)),
      dataDir: file('executions'),
    });
    ends.push(() => executions.close());
    services.push(createStepFunctions(executions, `arn:aws:iam::${account}:role/guard-local`));
    buses.start();
    const schedules = startSchedules({
      clock,
      region,
      account,
      schedules: options.schedules ?? [],
      invoke: functions.invoke,
    });
    ends.push(schedules.stop);
    if (options.dataDir !== undefined) ends.push(keepTime(clock, options.dataDir).stop);
    ends.push(clock.stop);

    return {
      endpoint: endpoint.url,
      webhookUrl: `${endpoint.url}${WEBHOOK_PATH}`,
      executions,
      identities,
      functionCalls: functions.calls,
      awsCalls: endpoint.calls,
      tableUsage: meter?.usage ?? {},
      stateMachineArn(name) {
        if (!Object.hasOwn(machines, name)) {
          throw new UsageError(`no state machine ${name}; there are: ${Object.keys(machines).join(', ')}`);
        }
        return machineArn(name);
      },
      invoke: functions.invoke,
      events: buses.recent,
      deadLetters: buses.deadLetters,
      stop,
    };
  }
}
