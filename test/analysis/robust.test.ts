import { describe, expect, it } from '@jest/globals';
import { fitNoise, median, robustScale } from '../../lib/analysis/robust.js';
import { randomSource } from '../bench/reference-generator.js';

/** Five measurements, and the same with one that was written down wrongly. */
const MEASURED = [6.27, 6.34, 6.25, 6.31, 6.28];
const MISTAKEN = [6.27, 6.34, 6.25, 63.1, 6.28];

describe('median and scale', () => {
  it('do not see one mistake among five measurements', () => {
    expect(median(MEASURED)).toBe(6.28);
    expect(median(MISTAKEN)).toBe(6.28);
    expect(robustScale(MEASURED, 6.28) / 1.482602218505602).toBeCloseTo(0.03, 9);
    expect(robustScale(MISTAKEN, 6.28)).toBeCloseTo(robustScale(MEASURED, 6.28), 9);
  });

  // 1 / scipy.stats.norm.ppf(0.75)
  it('the scale is the standard deviation of a normal distribution, to 1e-9', () => {
    expect(Math.abs(robustScale([-1, 0, 1], 0) - 1.482602218505602)).toBeLessThan(1e-9);
  });

  it('leave out what is not there', () => {
    expect(median([Number.NaN, 3, 1, Number.NaN])).toBe(2);
    expect(median([])).toBeNaN();
  });
});

describe('fitNoise', () => {
  function process(n: number, correlation: number, deviation: number, seed: number): number[] {
    const random = randomSource(seed);
    let value = random.normal() * deviation;
    return Array.from({ length: n }, () => {
      value = correlation * value + deviation * Math.sqrt(1 - correlation ** 2) * random.normal();
      return 0.1 + value;
    });
  }

  it.each([
    [0, 0.05],
    [0.5, 0.05],
    [0.8, 0.08],
  ])('finds the process that made the values: correlation %d, deviation %d', (correlation, deviation) => {
    const noise = fitNoise(process(20_000, correlation, deviation, 11));
    expect(noise.correlation).toBeCloseTo(correlation, 1);
    expect(Math.abs(noise.deviation / deviation - 1)).toBeLessThan(0.05);
    expect(Math.abs(noise.mean - 0.1)).toBeLessThan(4 * Math.sqrt(noise.meanVariance));
    expect(noise.drift).toBe(1);
  });

  it('in short series it is not biased to less correlation than there is', () => {
    const found = Array.from(
      { length: 200 },
      (_, k) => fitNoise(process(60, 0.6, 0.05, 100 + k)).correlation,
    );
    expect(Math.abs(found.reduce((sum, one) => sum + one, 0) / found.length - 0.6)).toBeLessThan(0.03);
  });

  it('sees drift that lasts for hours, and does not take a few wild values for it', () => {
    const values = process(1440, 0, 0.05, 3);
    expect(fitNoise(values).drift).toBe(1);
    const drifting = values.map((value, i) => value + 0.02 * Math.sin((2 * Math.PI * i) / 1440));
    expect(fitNoise(drifting).drift).toBeGreaterThan(2);
    const wild = fitNoise(values.map((value, i) => (i % 90 === 7 ? 9 : value)));
    expect(Math.abs(wild.deviation / fitNoise(values).deviation - 1)).toBeLessThan(0.2);
  });
});
