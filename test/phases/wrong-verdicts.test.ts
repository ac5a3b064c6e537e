import { describe, expect, it, jest } from '@jest/globals';
import { wireMatrix } from '../support/wire-matrix.js';

jest.setTimeout(120_000);

describe.each(['datadog', 'prometheus'] as const)('broken data of %s, over the wire', (provider) => {
  it('passes no check and no soak, of any kind; sound data passes every one', async () => {
    const { broken, sound } = await wireMatrix(provider);
    expect(broken.length).toBeGreaterThan(90);
    expect(broken.filter(({ passed }) => passed.length > 0)).toEqual([]);
    expect(sound.map(({ stage, passed }) => [stage, passed.length > 0])).toEqual([
      ['before', true],
      ['soak', true],
    ]);
    // Eight metrics' worth of checks: the alerts, the comparison, and the report as a whole.
    expect(sound[0]!.passed).toHaveLength(10);
  });
});
