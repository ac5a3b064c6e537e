/** One measurement. NaN and Inf are passed on as they came; what they mean is decided by the judge. */
export interface Point {
  /** Epoch milliseconds. */
  readonly t: number;
  /** null: the provider has a point without a value. */
  readonly value: number | null;
  /** Requests that the value stands for, when known: an error rate is then judged as a binomial share. */
  readonly requests?: number | null;
}

/** Measurements of one metric in one cluster. */
export interface Series {
  readonly metric: string;
  readonly cluster_id: string;
  readonly points: readonly Point[];
  /** The provider said that the data is partial: it can neither pass nor fail anything. */
  readonly warning?: string;
}

/** A value that can be judged: finite and not negative (durations, shares, rates and sizes never are). */
export function isUsable(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** A value that was sent but means nothing: NaN, an infinity, a negative number. null is a gap, not a lie. */
export function isBroken(value: number | null | undefined): boolean {
  return value !== null && value !== undefined && !isUsable(value);
}
