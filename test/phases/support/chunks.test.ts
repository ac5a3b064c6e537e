import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunksOf } from '../../../lib/phases/support/chunks.js';

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `eks-${i}`);
}

describe('chunks of a batch', () => {
  it.each([
    [4, 5, { chunks: 4, parallelism: 5, atOnce: 1 }],
    [75, 5, { chunks: 75, parallelism: 5, atOnce: 1 }],
    [75, 40, { chunks: 15, parallelism: 8, atOnce: 5 }],
    [10_000, 40, { chunks: 200, parallelism: 4, atOnce: 10 }],
    [10_000, 1, { chunks: 200, parallelism: 1, atOnce: 1 }],
  ])('%d clusters, %d at once', (count, parallel, expected) => {
    const { chunks, parallelism, atOnce } = chunksOf(ids(count), parallel);
    expect({ chunks: chunks.length, parallelism, atOnce }).toEqual(expected);
  });

  it('hold every cluster once and never more at once than is allowed, in at most 200 calls', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 40 }), (count, parallel) => {
        const { chunks, parallelism, atOnce } = chunksOf(ids(count), parallel);
        expect(chunks.flat()).toEqual(ids(count));
        expect(chunks.length).toBeLessThanOrEqual(200);
        expect(parallelism).toBeGreaterThanOrEqual(1);
        expect(parallelism * atOnce).toBeLessThanOrEqual(parallel);
        expect(parallelism * atOnce).toBeGreaterThan(parallel / 2);
      }),
    );
  });
});
