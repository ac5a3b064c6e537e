import { statSync } from 'node:fs';
import { HANDLERS } from '../../lib/infra/handlers.js';
import type { LocalFleet } from '../../lib/simulation/fleet.js';
import type { Figure } from './index.js';

/** What AWS bills, as far as it is counted here; docs/deploy.md makes a price of it. */
interface Counted {
  readonly invocations: Readonly<Record<string, number>>;
  /** Real milliseconds. */
  readonly ms: Readonly<Record<string, number>>;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly writes: number;
  readonly events: number;
  readonly logBytes: number;
  readonly datadog: number;
  readonly kubernetes: number;
}

function count({ engine, datadog, kubernetes }: LocalFleet, logFile: string): Counted {
  const calls = Object.entries(engine.functionCalls);
  const tables = Object.values(engine.tableUsage);
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return {
    invocations: Object.fromEntries(calls.map(([name, { invocations }]) => [name, invocations])),
    ms: Object.fromEntries(calls.map(([name, { ms }]) => [name, ms])),
    readUnits: sum(tables.map(({ readUnits }) => readUnits)),
    writeUnits: sum(tables.map(({ writeUnits }) => writeUnits)),
    writes: sum(tables.map(({ writes }) => writes)),
    events: engine.awsCalls['AWSEvents.PutEvents'] ?? 0,
    logBytes: statSync(logFile, { throwIfNoEntry: false })?.size ?? 0,
    datadog: sum([...datadog.requests.values()]),
    kubernetes: kubernetes.requests.length,
  };
}

/**
 * Counts from now on. The sweeps that run meanwhile are in it but for their calls and time, which belong to every
 * month, with or without a rollout.
 */
export function meter(fleet: LocalFleet, logFile: string): () => Figure[] {
  const before = count(fleet, logFile);
  return () => {
    const after = count(fleet, logFile);
    const rollouts = Object.keys(after.invocations).filter((name) => name !== 'Sweep');
    let invocations = 0;
    let gigabyteSeconds = 0;
    for (const name of rollouts) {
      invocations += after.invocations[name]! - before.invocations[name]!;
      const seconds = (after.ms[name]! - before.ms[name]!) / 1000;
      gigabyteSeconds += (seconds * HANDLERS[name]!.memoryMb) / 1024;
    }
    const more = (key: Exclude<keyof Counted, 'invocations' | 'ms'>) => after[key] - before[key];
    return [
      { name: 'rollout.lambda_invocations.75', value: invocations, unit: 'calls' },
      { name: 'rollout.lambda_gb_s.75', value: gigabyteSeconds, unit: 'GB-s' },
      { name: 'rollout.dynamodb_writes.75', value: more('writes'), unit: 'calls' },
      { name: 'rollout.dynamodb_write_units.75', value: more('writeUnits'), unit: 'units' },
      { name: 'rollout.dynamodb_read_units.75', value: more('readUnits'), unit: 'units' },
      { name: 'rollout.put_events.75', value: more('events'), unit: 'calls' },
      { name: 'rollout.log_kb.75', value: more('logBytes') / 1024, unit: 'KB' },
      { name: 'rollout.datadog_requests.75', value: more('datadog'), unit: 'requests' },
      { name: 'rollout.kubernetes_requests.75', value: more('kubernetes'), unit: 'requests' },
    ];
  };
}

/** What one sweep reads while there is nothing to do. */
export async function idleSweep(fleet: LocalFleet, logFile: string): Promise<Figure> {
  const before = count(fleet, logFile).readUnits;
  await fleet.engine.invoke('Sweep', {});
  return {
    name: 'rollout.idle_sweep_read_units.75',
    value: count(fleet, logFile).readUnits - before,
    unit: 'units',
  };
}
