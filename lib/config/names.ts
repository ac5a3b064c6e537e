/** Environment variables that the handlers read. The infrastructure and the embedded engine set them. */
export const ENV = {
  /** The configuration itself, YAML or JSON text. */
  config: 'GUARD_CONFIG',
  /** Path of the configuration's file, when `config` is not set. */
  configFile: 'GUARD_CONFIG_FILE',
  registryTable: 'GUARD_REGISTRY_TABLE',
  journalTable: 'GUARD_JOURNAL_TABLE',
  /** Name of the bus that GUARD's own events go to. */
  eventBus: 'GUARD_EVENT_BUS',
  /** ARN of the rollout machine. */
  stateMachineArn: 'GUARD_STATE_MACHINE_ARN',
  /** The log goes to this file instead of stdout; unset in Lambda. */
  logFile: 'GUARD_LOG_FILE',
} as const;

/** What things are called where nobody said otherwise; the configuration schema has the same defaults. */
export const DEFAULT_NAMES = {
  registryTable: 'guard-cluster-registry',
  journalTable: 'guard-journal',
  eventBus: 'guard',
  rolloutMachine: 'guard-rollout',
} as const;

/**
 * `check-cluster` to `CheckCluster`: the file of a handler (or of a machine) to its placeholder, which is also
 * the construct's id.
 */
export function handlerName(fileName: string): string {
  return fileName
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');
}

/** `CheckCluster` to `guard-check-cluster`: a handler's function name. */
export function functionName(handler: string): string {
  return `guard${handler.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
