import { describe, expect, it, jest } from '@jest/globals';
import { analysisMatrix } from '../support/analysis-matrix.js';
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

describe.each([
  [
    'datadog',
    ['last-point-of-v1', 'minutes-by-pod', 'windows-by-pod', 'formula-of-windows', 'zeros-beside-data'],
  ],
  ['prometheus', ['vector-by-pod', 'range-of-a-vector', 'number']],
] as const)('analyses of broken data of %s, over the wire', (provider, all) => {
  it('never pass, in whichever way a template asks; of sound data all do', async () => {
    const { broken, sound, paths } = await analysisMatrix(provider);
    expect(broken.length).toBeGreaterThan(20);
    expect(broken.filter(({ passed }) => passed.length > 0)).toEqual([]);
    expect(sound.passed).toEqual(all);
    expect(paths).toEqual(
      provider === 'datadog'
        ? ['/api/v1/query', '/api/v2/query/scalar', '/api/v2/query/timeseries']
        : ['/api/v1/query_range'],
    );
  });
});
