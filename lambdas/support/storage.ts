import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createJournal } from '../../lib/adapters/dynamodb/journal.js';
import { createRegistry } from '../../lib/adapters/dynamodb/registry.js';
import { sharedClient } from '../../lib/adapters/shared/aws-client-options.js';
import type { Journal } from '../../lib/ports/journal.js';
import type { Registry } from '../../lib/ports/registry.js';
import type { Runtime } from './runtime.js';

export function storage(runtime: Runtime): { registry: Registry; journal: Journal } {
  const client = sharedClient(
    DynamoDBClient,
    runtime.config.aws.dynamodb.region ?? runtime.config.aws.region,
  );
  return {
    registry: runtime.once('registry', () => createRegistry({ client, table: runtime.names.registryTable })),
    journal: runtime.once('journal', () => createJournal({ client, table: runtime.names.journalTable })),
  };
}
