import { readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import { OUTCOMES } from '../../lib/domain/rollout.js';
import { EVENT_TYPES } from '../../lib/ports/events.js';
import { fleetBed, WEB } from '../support/e2e.js';
import { run } from '../support/small-fleet.js';

jest.setTimeout(120_000);
const startFleet = fleetBed();
const DOCS = readFileSync('docs/events.md', 'utf8');

/** Names in backticks in a cell. */
const namesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
const ROWS = [...DOCS.matchAll(/^\|(.+)\|(.+)\|(.*)\|$/gm)].map((match) => match.slice(1) as string[]);
/** Field to its type, of a rollout's events. */
const FIELDS = new Map(
  ROWS.filter(([, type]) => /^ (string|strings|number) $/.test(type!)).flatMap(([names, type]) =>
    namesIn(names!).map((name) => [name, type!.trim()] as const),
  ),
);
const typeOf = (value: unknown) => (Array.isArray(value) ? 'strings' : typeof value);

describe('docs/events.md', () => {
  it('describes every event that a rollout publishes, field by field', async () => {
    const regression = { metric: 'latency_p99', factor: 3, version: '1.30' } as const;
    const clusters = { [WEB]: { regressions: [regression] } };
    const fleet = await startFleet({ scenario: { seed: 7, clusters } });
    expect((await run(fleet)).output).toMatchObject({ outcome: 'rolled-back' });
    const events = fleet.engine.events().filter(({ source }) => source === 'guard');
    const types = new Set<string>();
    for (const event of events) {
      const type = event['detail-type'];
      types.add(type);
      const detail = event.detail as Record<string, unknown>;
      const row = ROWS.find(([name]) => name!.trim() === `\`${type}\``)!;
      const own = namesIn(row[2]!);
      expect(detail.version).toBe(1);
      if (row[2]!.includes('those of a rollout')) {
        const optional = ['cluster', 'findings', 'outcome'].filter((name) => !own.includes(name));
        expect(Object.keys(detail).sort()).toEqual(
          [...FIELDS.keys()].filter((name) => !optional.includes(name)).sort(),
        );
        for (const [name, value] of Object.entries(detail))
          expect([name, typeOf(value)]).toEqual([name, FIELDS.get(name)]);
      } else {
        expect(Object.keys(detail).sort()).toEqual(own.sort());
      }
    }
    expect([...types].sort()).toEqual(Object.values(EVENT_TYPES).sort());
    expect(namesIn(ROWS.find(([name]) => name!.trim() === '`outcome`')![2]!).sort()).toEqual(
      [...OUTCOMES].sort(),
    );
  });
});
