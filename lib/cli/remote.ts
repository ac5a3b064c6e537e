import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn';
import { createJournal } from '../adapters/dynamodb/journal.js';
import { createRegistry } from '../adapters/dynamodb/registry.js';
import { awsClientOptions } from '../adapters/shared/aws-client-options.js';
import { toGuardError } from '../adapters/shared/guard-error.js';
import { createExecutions } from '../adapters/step-functions.js';
import { parseConfig } from '../config/load.js';
import { ENV } from '../config/names.js';
import type { Config } from '../config/schema.js';
import { UsageError } from '../domain/errors.js';
import type { Executions } from '../ports/executions.js';
import type { Journal } from '../ports/journal.js';
import type { Registry } from '../ports/registry.js';
import type { Io } from './io.js';

/** What the commands work with: AWS, or the embedded engine where AWS_ENDPOINT_URL points at one. */
export interface Remote {
  readonly config: Config;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly executions: Executions;
  /** Who asks, for the audit. */
  readonly who: string;
}

/** @throws UsageError when the configuration is missing or wrong, or the state machine is not installed. */
export async function connect(io: Io, options: { config?: string }): Promise<Remote> {
  const config = readConfig(io, options.config);
  const { aws } = config;
  const dynamodb = new DynamoDBClient(awsClientOptions({ region: aws.dynamodb.region ?? aws.region }));
  const sfn = new SFNClient(awsClientOptions({ region: aws.region }));
  const stateMachineArn = io.env[ENV.stateMachineArn] ?? (await findMachine(sfn, aws.state_machine_name));
  return {
    config,
    registry: createRegistry({
      client: dynamodb,
      table: io.env[ENV.registryTable] ?? aws.dynamodb.table_name,
    }),
    journal: createJournal({
      client: dynamodb,
      table: io.env[ENV.journalTable] ?? aws.dynamodb.journal_table_name,
    }),
    executions: createExecutions({ client: sfn, stateMachineArn }),
    who: io.env.GITLAB_USER_LOGIN ?? io.env.USER ?? 'cli',
  };
}

/** Only the tables: for commands that start nothing. */
export function connectRegistry(io: Io, options: { config?: string }): Registry {
  const { aws } = readConfig(io, options.config);
  const client = new DynamoDBClient(awsClientOptions({ region: aws.dynamodb.region ?? aws.region }));
  return createRegistry({ client, table: io.env[ENV.registryTable] ?? aws.dynamodb.table_name });
}

/** The GitLab projects of all clusters of the registry, each once. */
export async function projectsOf(io: Io, options: { config?: string }): Promise<string[]> {
  const clusters = await connectRegistry(io, options).all();
  return [...new Set(clusters.map((cluster) => cluster.gitlab_repo))].sort();
}

/** Only what happened: for commands that look back. */
export function connectJournal(io: Io, options: { config?: string }): Journal {
  const { aws } = readConfig(io, options.config);
  const client = new DynamoDBClient(awsClientOptions({ region: aws.dynamodb.region ?? aws.region }));
  return createJournal({ client, table: io.env[ENV.journalTable] ?? aws.dynamodb.journal_table_name });
}

/** `--config`, GUARD_CONFIG_FILE, ./guard.yaml, ~/.guard/config.yaml: the first that is there. */
export function readConfig(io: Io, given: string | undefined): Config {
  const inline = io.env[ENV.config];
  if (!given && inline) return parseConfig(inline, ENV.config);
  const named = given ?? io.env[ENV.configFile];
  const places = named
    ? [resolve(io.cwd, named)]
    : [resolve(io.cwd, 'guard.yaml'), resolve(io.env.HOME ?? '.', '.guard/config.yaml')];
  const file = places.find((place) => existsSync(place));
  if (!file) {
    throw new UsageError(
      named
        ? `${named}: no such configuration file`
        : 'no configuration: give --config FILE, set GUARD_CONFIG_FILE, or write guard.yaml here (examples/guard.yaml shows one)',
    );
  }
  return parseConfig(readFileSync(file, 'utf8'), named ?? file);
}

async function findMachine(client: SFNClient, name: string): Promise<string> {
  try {
    let nextToken: string | undefined;
    do {
      const page = await client.send(new ListStateMachinesCommand({ nextToken }));
      const found = page.stateMachines?.find((machine) => machine.name === name);
      if (found?.stateMachineArn) return found.stateMachineArn;
      nextToken = page.nextToken;
    } while (nextToken);
  } catch (error) {
    throw toGuardError(
      error,
      'list the state machines (are AWS credentials and region set, or is guard local running?)',
    );
  }
  throw new UsageError(
    `no state machine '${name}' in this account and region; install it with npx cdk deploy, or start guard local`,
  );
}
