import { TerminalError } from '../../domain/errors.js';
import { type Civil, civilOf, DAYS, isZone, MONTHS, momentOfCivil } from './civil.js';
import { formatLayout, parseLayout } from './go-layout.js';

/** Values of Go's time package, which expr-lang's clock functions give. */
export abstract class TimeValue {
  /** Go's name of the type. */
  abstract readonly type: string;
  abstract readonly text: string;
}

/** A point in time, seen in a zone. */
export class Moment extends TimeValue {
  readonly type = 'time.Time';
  /** Epoch milliseconds. */
  readonly ms: number;
  readonly zone: string;
  constructor(ms: number, zone = 'UTC') {
    super();
    this.ms = ms;
    this.zone = zone;
  }
  get civil(): Civil {
    return civilOf(this.ms, this.zone);
  }
  get text(): string {
    return formatLayout('2006-01-02 15:04:05 -0700 MST', this.civil);
  }
}

export class Duration extends TimeValue {
  readonly type = 'time.Duration';
  readonly ms: number;
  constructor(ms: number) {
    super();
    this.ms = ms;
  }
  /** As Go writes it: `1h30m0s`, `1.5s`, `300ms`. */
  get text(): string {
    const all = Math.abs(this.ms);
    const sign = this.ms < 0 ? '-' : '';
    if (all === 0) return '0s';
    if (all < 0.001) return `${sign}${Math.round(all * 1e6)}ns`;
    if (all < 1) return `${sign}${Math.round(all * 1e6) / 1e3}µs`;
    if (all < 1000) return `${sign}${all}ms`;
    const [hours, minutes] = [Math.floor(all / HOUR), Math.floor(all / MINUTE) % 60];
    const seconds = `${(all % MINUTE) / 1000}s`;
    if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
    return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
  }
}

export class Zone extends TimeValue {
  readonly type = 'time.Location';
  readonly text: string;
  constructor(text: string) {
    super();
    this.text = text;
  }
}

/** A month or a day of the week: a number of a type of its own, as in Go equal to no other number. */
export class Named extends TimeValue {
  readonly type: 'time.Month' | 'time.Weekday';
  readonly index: number;
  readonly text: string;
  constructor(type: 'time.Month' | 'time.Weekday', index: number, text: string) {
    super();
    this.type = type;
    this.index = index;
    this.text = text;
  }
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: MINUTE,
  h: HOUR,
};

/** Milliseconds of Go's notation, `1h30m` or `-1.5s`; `undefined` for anything else. */
export function goDurationMs(text: string): number | undefined {
  const [, sign, parts] = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (parts === undefined) return /^[+-]?0$/.test(text) ? 0 : undefined;
  const sum = [...parts.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)].reduce(
    (total, [, number, unit]) => total + Number(number) * UNITS[unit!]!,
    0,
  );
  return sign === '-' ? -sum : sum;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TerminalError('a text was expected');
  return value;
}

export function duration(value: unknown): Duration {
  const ms = goDurationMs(text(value));
  if (ms === undefined) throw new TerminalError(`"${text(value)}" is not a duration; write "90s" or "1h30m"`);
  return new Duration(ms);
}

export function timezone(value: unknown): Zone {
  const name = text(value);
  if (!isZone(name)) throw new TerminalError(`"${name}" is no time zone; write "UTC" or "Europe/Berlin"`);
  return new Zone(name);
}

/** Layouts that `date` tries, in this order. Source: expr-lang 1.17, builtin/builtin.go. */
const LAYOUTS = [
  '2006-01-02',
  '15:04:05',
  '2006-01-02 15:04:05',
  '2006-01-02T15:04:05Z07:00',
  '02 Jan 06 15:04 MST',
  'Monday, 02-Jan-06 15:04:05 MST',
  'Mon, 02 Jan 2006 15:04:05 MST',
];

/** `date(text)`, `date(text, layout)`, `date(text, layout, zone)`; a zone may also stand first. */
export function date(...args: unknown[]): Moment {
  const first = args[0] instanceof Zone ? args[0].text : undefined;
  const [value, layout, zone] = (first === undefined ? args : args.slice(1)).map(text);
  if (value === undefined) throw new TerminalError('date() needs a text');
  const where = zone === undefined ? (first ?? 'UTC') : timezone(zone).text;
  // Go takes fractions of a second whether or not the layout has them.
  const [, whole = value, fraction = ''] = /^(.*\d\d:\d\d:\d\d)(\.\d+)(?=\D|$)/.exec(value) ?? [];
  const plain =
    layout?.includes('.000') || fraction === '' ? value : value.replace(`${whole}${fraction}`, whole);
  for (const one of layout === undefined ? LAYOUTS : [layout]) {
    const ms = parseLayout(one, plain, where);
    if (ms !== undefined)
      return new Moment(ms + (plain === value ? 0 : Math.trunc(Number(fraction) * 1000)), where);
  }
  throw new TerminalError(`"${value}" is not a date${layout === undefined ? '' : ` as in "${layout}"`}`);
}

function moment(value: unknown): Moment {
  if (!(value instanceof Moment)) throw new TerminalError('a date was expected');
  return value;
}

function span(value: unknown): Duration {
  if (!(value instanceof Duration)) throw new TerminalError('a duration was expected');
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new TerminalError('a number was expected');
  return value;
}

type Methods<T> = Readonly<Record<string, (self: T, ...args: unknown[]) => unknown>>;

/** Of Go's methods those that a condition can use. */
const MOMENT: Methods<Moment> = {
  Year: ({ civil }) => civil.year,
  Month: ({ civil }) => new Named('time.Month', civil.month, MONTHS[civil.month - 1]!),
  Day: ({ civil }) => civil.day,
  Hour: ({ civil }) => civil.hour,
  Minute: ({ civil }) => civil.minute,
  Second: ({ civil }) => civil.second,
  Weekday: ({ civil }) => new Named('time.Weekday', civil.weekday, DAYS[civil.weekday]!),
  YearDay: ({ civil }) =>
    (Date.UTC(civil.year, civil.month - 1, civil.day) - Date.UTC(civil.year, 0, 0)) / (24 * HOUR),
  Unix: ({ ms }) => Math.floor(ms / 1000),
  UnixMilli: ({ ms }) => Math.floor(ms),
  Format: ({ civil }, layout) => formatLayout(text(layout), civil),
  In: ({ ms }, zone) => {
    if (!(zone instanceof Zone)) throw new TerminalError('In() needs a timezone("...")');
    return new Moment(ms, zone.text);
  },
  UTC: ({ ms }) => new Moment(ms),
  Add: ({ ms, zone }, by) => new Moment(ms + span(by).ms, zone),
  AddDate: (self, years, months, days) => addDate(self, number(years), number(months), number(days)),
  Sub: ({ ms }, other) => new Duration(ms - moment(other).ms),
  After: ({ ms }, other) => ms > moment(other).ms,
  Before: ({ ms }, other) => ms < moment(other).ms,
  Equal: ({ ms }, other) => ms === moment(other).ms,
  String: (self) => self.text,
};

const DURATION: Methods<Duration> = {
  Hours: ({ ms }) => ms / HOUR,
  Minutes: ({ ms }) => ms / MINUTE,
  Seconds: ({ ms }) => ms / 1000,
  Milliseconds: ({ ms }) => Math.trunc(ms),
  Microseconds: ({ ms }) => Math.trunc(ms * 1e3),
  Nanoseconds: ({ ms }) => Math.trunc(ms * 1e6),
  Abs: ({ ms }) => new Duration(Math.abs(ms)),
  Truncate: ({ ms }, to) => new Duration(ms - (ms % span(to).ms)),
  Round: ({ ms }, to) => new Duration(Math.sign(ms) * Math.round(Math.abs(ms) / span(to).ms) * span(to).ms),
  String: (self) => self.text,
};

const TEXT: Methods<Zone | Named> = { String: (self) => self.text };

const METHODS: readonly Methods<never>[] = [MOMENT, DURATION, TEXT];

export function isMethod(name: string): boolean {
  return METHODS.some((methods) => Object.hasOwn(methods, name));
}

/** @throws TerminalError for a value without this method */
export function callMethod(of: TimeValue, name: string, args: readonly unknown[]): unknown {
  const methods = (
    of instanceof Moment ? MOMENT : of instanceof Duration ? DURATION : TEXT
  ) as Methods<TimeValue>;
  if (!Object.hasOwn(methods, name)) throw new TerminalError(`a ${of.type} has no ${name}()`);
  return methods[name]!(of, ...args);
}

/** As Go does: what the month does not have goes on into the next one. */
function addDate({ ms, zone, civil }: Moment, years: number, months: number, days: number): Moment {
  const shifted = new Date(Date.UTC(civil.year + years, civil.month - 1 + months, civil.day + days));
  const at = momentOfCivil(
    { ...civil, year: shifted.getUTCFullYear(), month: shifted.getUTCMonth() + 1, day: shifted.getUTCDate() },
    zone,
  );
  return new Moment((at ?? ms) + (ms % 1), zone);
}

/** `+`, `-` and `*` where one side is a time; `undefined`: expr-lang has no such operation. */
export function calculateTimes(operator: string, a: unknown, b: unknown): TimeValue | undefined {
  if (operator === '+') {
    if (a instanceof Moment && b instanceof Duration) return new Moment(a.ms + b.ms, a.zone);
    if (a instanceof Duration && b instanceof Moment) return new Moment(a.ms + b.ms, b.zone);
    if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms + b.ms);
  }
  if (operator === '-') {
    if (a instanceof Moment && b instanceof Moment) return new Duration(a.ms - b.ms);
    if (a instanceof Moment && b instanceof Duration) return new Moment(a.ms - b.ms, a.zone);
    if (a instanceof Duration && b instanceof Duration) return new Duration(a.ms - b.ms);
  }
  if (operator === '*') {
    if (a instanceof Duration && typeof b === 'number') return new Duration(a.ms * b);
    if (typeof a === 'number' && b instanceof Duration) return new Duration(a * b.ms);
  }
  return undefined;
}

/** Milliseconds by which two dates, or two durations, are compared. */
export function comparedTimes(a: unknown, b: unknown): readonly [number, number] | undefined {
  const same =
    (a instanceof Moment && b instanceof Moment) || (a instanceof Duration && b instanceof Duration);
  return same ? [a.ms, b.ms] : undefined;
}
