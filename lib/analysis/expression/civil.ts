/** What a clock and a calendar on the wall of a time zone show. */
export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  /** 0: Sunday. */
  readonly weekday: number;
  /** Minutes east of Greenwich. */
  readonly offset: number;
  readonly zone: string;
}

export const MONTHS: readonly string[] =
  'January February March April May June July August September October November December'.split(' ');
export const DAYS: readonly string[] = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const MINUTE = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** `UTC` or a name of the IANA's database, such as `Europe/Berlin`. */
export function isZone(zone: string): boolean {
  try {
    return formatOf(zone) !== undefined;
  } catch {
    return false;
  }
}

/** @param moment epoch milliseconds */
export function civilOf(moment: number, zone: string): Civil {
  const offset = offsetAt(moment, zone);
  const wall = new Date(moment + offset * MINUTE);
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
    millisecond: wall.getUTCMilliseconds(),
    weekday: wall.getUTCDay(),
    offset,
    zone,
  };
}

/**
 * Epoch milliseconds of a wall clock's time; `undefined` for a day or an hour that does not exist, such as 30 February.
 *
 * @param where a zone's name, or minutes east of Greenwich
 */
export function momentOfCivil(
  civil: Pick<Civil, 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'millisecond'>,
  where: string | number,
): number | undefined {
  const { year, month, day, hour, minute, second, millisecond } = civil;
  const wall = new Date(0);
  // Date.UTC takes the years 0 to 99 for those of the last century.
  wall.setUTCFullYear(year, month - 1, day);
  wall.setUTCHours(hour, minute, second, millisecond);
  if (wall.getUTCMonth() !== month - 1 || wall.getUTCDate() !== day || hour > 23) return undefined;
  if (minute > 59 || second > 59) return undefined;
  if (typeof where === 'number') return wall.getTime() - where * MINUTE;
  // The offset is that of the moment, which is looked for: the second look sees the other side of a change.
  const near = wall.getTime() - offsetAt(wall.getTime(), where) * MINUTE;
  return wall.getTime() - offsetAt(near, where) * MINUTE;
}

function offsetAt(moment: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const parts = new Map(
    formatOf(zone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour') % 24, of('minute'), of('second'));
  return Math.round((wall - Math.floor(moment / 1000) * 1000) / MINUTE);
}

/** @throws RangeError for a zone that is not known */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const numeric = 'numeric';
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    });
    formats.set(zone, format);
  }
  return format;
}
