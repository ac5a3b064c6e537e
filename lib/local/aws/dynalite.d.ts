/** The inner modules of dynalite 4.0.0 that we call, in the shapes that we rely on. The version is pinned. */
declare module 'dynalite/db/index.js' {
  export interface SubDb {
    put(key: string, value: unknown, done: (error?: Error | null) => void): void;
    createValueStream(range: object): AsyncIterable<Record<string, unknown>>;
    createKeyStream(): AsyncIterable<string>;
    awsAccountId: string;
    awsRegion: string;
  }
  export interface Table {
    TableName: string;
    TableStatus: string;
    GlobalSecondaryIndexes?: { IndexName: string; KeySchema: unknown[] }[];
  }
  export interface Store {
    db: { open(): Promise<void>; close(): Promise<void> };
    tableDb: SubDb;
    getItemDb(table: string): SubDb;
    getIndexDb(kind: 'Global', table: string, index: string): SubDb;
    deleteIndexDb(kind: 'Global', table: string, index: string, done: (error?: Error | null) => void): void;
  }
  const db: {
    create(options: { path?: string; createTableMs?: number; deleteTableMs?: number }): Store;
    getIndexActions(
      indexes: unknown[],
      existing: undefined,
      item: unknown,
      table: Table,
    ): { puts: { index: string; key: string; item: unknown }[] };
  };
  export default db;
}

declare module 'dynalite/validations/index.js' {
  const validations: {
    checkTypes(data: object, types: unknown): object;
    checkValidations(data: object, types: unknown, custom: unknown, store: unknown): void;
  };
  export default validations;
}
