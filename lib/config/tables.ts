/** The two tables, as data: the infrastructure and the embedded engine create them from this. */
export interface TableShape {
  readonly partitionKey: string;
  readonly sortKey?: string;
  /** Every key is a string; every index holds whole items. */
  readonly indexes: readonly {
    readonly name: string;
    readonly partitionKey: string;
    readonly sortKey?: string;
  }[];
  /** Attribute with the epoch second after which an item may be cleaned up. */
  readonly ttlAttribute?: string;
}

export const REGISTRY_TABLE: TableShape = {
  partitionKey: 'cluster_id',
  indexes: [{ name: 'batch-index', partitionKey: 'batch_id' }],
};

/** `open-index` is sparse: only rollouts that have not ended carry `open`. */
export const JOURNAL_TABLE: TableShape = {
  partitionKey: 'pk',
  sortKey: 'sk',
  indexes: [{ name: 'open-index', partitionKey: 'open', sortKey: 'key' }],
  ttlAttribute: 'ttl',
};
