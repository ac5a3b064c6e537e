import type { KubeObject } from '../../ports/cluster-access.js';
import { fraction, hexadecimal } from './random.js';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

type Status = KubeObject['status'];

export function conditionOf(
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  now: string,
  of?: KubeObject,
): Condition {
  const observed = of?.metadata.generation;
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: now,
    ...(observed !== undefined && { observedGeneration: observed }),
  };
}

/** The status with this condition first when it is Ready, as Flux sorts; its time moves only with its status. */
export function withCondition(status: Status, condition: Condition): Status {
  const all = ((status?.conditions ?? []) as Condition[]).slice();
  const old = all.find((entry) => entry.type === condition.type);
  const kept =
    old?.status === condition.status
      ? { ...condition, lastTransitionTime: old.lastTransitionTime }
      : condition;
  const rest = all.filter((entry) => entry.type !== condition.type);
  return { ...status, conditions: condition.type === 'Ready' ? [kept, ...rest] : [...rest, kept] };
}

export function withoutCondition(status: Status, ...types: string[]): Status {
  const all = (status?.conditions ?? []) as Condition[];
  return { ...status, conditions: all.filter((entry) => !types.includes(entry.type)) };
}

/** Ready at the current generation. */
export function isReady(object: KubeObject): boolean {
  const ready = ((object.status?.conditions ?? []) as Condition[]).find((entry) => entry.type === 'Ready');
  return ready?.status === 'True' && object.status.observedGeneration === object.metadata.generation;
}

/** ISO 8601 without milliseconds, as Kubernetes writes times. */
export function iso(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** A part of `most` seconds that belongs to the object. */
export function seconds(object: KubeObject, most: number): number {
  const { namespace = '', name, uid } = object.metadata;
  return Math.round(fraction(String(uid), namespace, name) * most * 10) / 10;
}

/** `1m30s` in seconds. */
export function durationOf(text: unknown, otherwise: number): number {
  const parts = [...String(text ?? '').matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
  if (parts.length === 0) return otherwise;
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0);
}

export function uid(...parts: string[]): string {
  const digits = hexadecimal(32, ...parts);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`;
}
