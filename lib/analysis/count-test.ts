/** A count of errors against the count that was expected. */
export interface CountTest {
  readonly errors: number;
  readonly expected: number;
  /** Variance, as a share of `expected`², that the expectation has: of the rate's own movement, the baseline, the controls. */
  readonly relativeVariance: number;
}

/**
 * Standard errors by which `errors` is above `expected`, on the square-root scale, where a Poisson count has the
 * variance 1/4 whatever its mean (Bartlett, Supplement to the JRSS 3, 1936; Anscombe, Biometrika 35, 1948). Without a
 * variance of the expectation the normal tail of it is never below the exact Poisson tail: it errs towards no finding.
 */
export function countExcess({ errors, expected, relativeVariance }: CountTest): number {
  return (2 * (Math.sqrt(errors) - Math.sqrt(expected))) / Math.sqrt(1 + expected * relativeVariance);
}
