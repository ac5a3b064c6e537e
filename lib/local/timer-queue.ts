import type { TimerKind } from './clock.js';

export interface TimerEntry {
  readonly time: number;
  readonly kind: TimerKind;
  readonly act: () => void | Promise<void>;
  readonly order: number;
}

/** Timers sorted by time, then by making. Small (a few hundred), so a sorted list beats a cleverer shape. */
export class TimerQueue {
  private readonly entries: TimerEntry[] = [];
  private made = 0;
  private work = 0;

  add(time: number, kind: TimerKind, act: () => void | Promise<void>): TimerEntry {
    this.made += 1;
    const entry: TimerEntry = { time, kind, act, order: this.made };
    this.entries.splice(this.place(entry), 0, entry);
    if (kind === 'work') this.work += 1;
    return entry;
  }

  peek(): TimerEntry | undefined {
    return this.entries[0];
  }

  hasWork(): boolean {
    return this.work > 0;
  }

  /** False when it had fired or been removed before. */
  remove(entry: TimerEntry): boolean {
    const place = this.place(entry);
    if (this.entries[place] !== entry) return false;
    this.entries.splice(place, 1);
    if (entry.kind === 'work') this.work -= 1;
    return true;
  }

  clear(): void {
    this.entries.length = 0;
    this.work = 0;
  }

  /** Where the entry is, or belongs. */
  private place(entry: TimerEntry): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.entries[middle]!;
      const before = other.time < entry.time || (other.time === entry.time && other.order < entry.order);
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
