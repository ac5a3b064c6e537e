import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { JOURNAL_TABLE, REGISTRY_TABLE } from '../../../lib/config/tables.js';

// The package has no types.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;

export interface Database {
  readonly client: DynamoDBClient;
  createTable(which: 'registry' | 'journal', name: string): Promise<void>;
  close(): Promise<void>;
}

/** A DynamoDB of its own on the loopback, spoken to by the real SDK client. */
export async function startDatabase(): Promise<Database> {
  const server = dynalite({ createTableMs: 5 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new DynamoDBClient({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  return {
    client,
    async createTable(which, name) {
      await client.send(new CreateTableCommand(tableInput(which, name)));
      for (let status = ''; status !== 'ACTIVE'; ) {
        const { Table } = await client.send(new DescribeTableCommand({ TableName: name }));
        status = Table?.TableStatus ?? '';
      }
    },
    async close() {
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tableInput(which: 'registry' | 'journal', name: string): CreateTableCommandInput {
  const { partitionKey, sortKey, indexes } = which === 'registry' ? REGISTRY_TABLE : JOURNAL_TABLE;
  const keys = (hash: string, range: string | undefined) => [
    { AttributeName: hash, KeyType: 'HASH' as const },
    ...(range === undefined ? [] : [{ AttributeName: range, KeyType: 'RANGE' as const }]),
  ];
  const names = [partitionKey, sortKey, ...indexes.flatMap((index) => [index.partitionKey, index.sortKey])];
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: keys(partitionKey, sortKey),
    AttributeDefinitions: [...new Set(names.filter((text) => text !== undefined))].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S' as const,
    })),
    GlobalSecondaryIndexes: indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: keys(index.partitionKey, index.sortKey),
      Projection: { ProjectionType: 'ALL' as const },
    })),
  };
}
