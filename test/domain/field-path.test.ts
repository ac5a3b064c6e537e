import { describe, expect, it } from '@jest/globals';
import { parseFieldPath, valuesAt } from '../../lib/domain/field-path.js';

const pods = {
  items: [
    { status: { containerStatuses: [{ restartCount: 1 }, { restartCount: 4 }] } },
    { status: { containerStatuses: [{ restartCount: 0 }] } },
    { status: {} },
  ],
  metadata: { labels: { 'app.kubernetes.io/name': 'web' } },
};

describe('valuesAt', () => {
  it.each<[string, unknown[]]>([
    ['{.items[0].status.containerStatuses[1].restartCount}', [4]],
    ['.items[1].status.containerStatuses[*].restartCount', [0]],
    ["{.metadata.labels['app.kubernetes.io/name']}", ['web']],
    ['{.items[9].status}', [undefined]],
    ['{.metadata.toString}', [undefined]],
    ['{.metadata.labels[*]}', [undefined]],
  ])('%s', (path, values) => expect(valuesAt(pods, path)).toEqual(values));

  it('keeps the place of what is missing, where kubectl leaves it out', () => {
    expect(valuesAt(pods, '{.items[*].status.containerStatuses[*].restartCount}')).toEqual([
      1,
      4,
      0,
      undefined,
    ]);
  });
});

describe('parseFieldPath', () => {
  it.each(['', '{}', 'status', '{.a[?(@.b)]}', '{.a..b}', '{.a} {.b}', '{.a[-1]}'])(
    'cannot read "%s"',
    (text) => expect(parseFieldPath(text)).toBeUndefined(),
  );
});
