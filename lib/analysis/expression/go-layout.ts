import { TerminalError } from '../../domain/errors.js';
import { type Civil, DAYS, MONTHS, momentOfCivil } from './civil.js';

/** One element of Go's layouts: how it is written, and what is read where it stands. */
interface Element {
  readonly pattern: string;
  write(civil: Civil): string;
  read?(text: string, into: Reading): void;
}

interface Reading {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  millisecond: number;
  afternoon?: boolean;
  /** Minutes east of Greenwich, where the text says so. */
  offset?: number;
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');
const digits =
  (field: 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second') => (text: string, into: Reading) => {
    into[field] = Number(text);
  };

function named(names: readonly string[], length: number | undefined, index: (civil: Civil) => number) {
  const words = names.map((name) => name.slice(0, length));
  return { words, pattern: words.join('|'), write: (civil: Civil) => words[index(civil)]! };
}

const longMonths = named(MONTHS, undefined, ({ month }) => month - 1);
const shortMonths = named(MONTHS, 3, ({ month }) => month - 1);
const readMonth = (text: string, into: Reading) => {
  into.month = MONTHS.findIndex((name) => name.slice(0, 3) === text.slice(0, 3)) + 1;
};

function offsetText({ offset }: Civil, colon: string): string {
  const all = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${pad(Math.floor(all / 60))}${colon}${pad(all % 60)}`;
}

const readOffset = (text: string, into: Reading) => {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(text) ?? [];
  into.offset = hours === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
};
const readHalf = (text: string, into: Reading) => {
  into.afternoon = text.toLowerCase() === 'pm';
};

/** Longer spellings first. Source: Go's time package, "Constants" (Layout). */
const ELEMENTS: readonly (readonly [string, Element])[] = [
  ['2006', { pattern: '\\d{4}', write: ({ year }) => pad(year, 4), read: digits('year') }],
  ['January', { ...longMonths, read: readMonth }],
  ['Jan', { ...shortMonths, read: readMonth }],
  ['Monday', named(DAYS, undefined, ({ weekday }) => weekday)],
  ['Mon', named(DAYS, 3, ({ weekday }) => weekday)],
  // Other abbreviations mean different times in different countries.
  [
    'MST',
    {
      pattern: 'UTC|GMT',
      write: ({ zone }) => zone,
      read: (_, into) => {
        into.offset = 0;
      },
    },
  ],
  [
    'Z07:00',
    {
      pattern: 'Z|[+-]\\d\\d:\\d\\d',
      write: (civil) => (civil.offset === 0 ? 'Z' : offsetText(civil, ':')),
      read: readOffset,
    },
  ],
  ['-07:00', { pattern: '[+-]\\d\\d:\\d\\d', write: (civil) => offsetText(civil, ':'), read: readOffset }],
  ['-0700', { pattern: '[+-]\\d{4}', write: (civil) => offsetText(civil, ''), read: readOffset }],
  [
    '.000',
    {
      pattern: '\\.\\d{3}',
      write: ({ millisecond }) => `.${pad(millisecond, 3)}`,
      read: (text, into) => {
        into.millisecond = Number(text.slice(1));
      },
    },
  ],
  ['01', { pattern: '\\d\\d', write: ({ month }) => pad(month), read: digits('month') }],
  ['02', { pattern: '\\d\\d', write: ({ day }) => pad(day), read: digits('day') }],
  ['03', { pattern: '\\d\\d', write: ({ hour }) => pad(hour % 12 || 12), read: digits('hour') }],
  ['04', { pattern: '\\d\\d', write: ({ minute }) => pad(minute), read: digits('minute') }],
  ['05', { pattern: '\\d\\d', write: ({ second }) => pad(second), read: digits('second') }],
  [
    '06',
    {
      pattern: '\\d\\d',
      write: ({ year }) => pad(year % 100),
      // Go's pivot: 69 and later are of the last century.
      read: (text, into) => {
        into.year = Number(text) + (Number(text) >= 69 ? 1900 : 2000);
      },
    },
  ],
  ['15', { pattern: '\\d\\d', write: ({ hour }) => pad(hour), read: digits('hour') }],
  ['_2', { pattern: '[ \\d]\\d', write: ({ day }) => String(day).padStart(2), read: digits('day') }],
  ['PM', { pattern: 'AM|PM', write: ({ hour }) => (hour < 12 ? 'AM' : 'PM'), read: readHalf }],
  ['pm', { pattern: 'am|pm', write: ({ hour }) => (hour < 12 ? 'am' : 'pm'), read: readHalf }],
  ['1', { pattern: '\\d{1,2}', write: ({ month }) => String(month), read: digits('month') }],
  ['2', { pattern: '\\d{1,2}', write: ({ day }) => String(day), read: digits('day') }],
  ['3', { pattern: '\\d{1,2}', write: ({ hour }) => String(hour % 12 || 12), read: digits('hour') }],
  ['4', { pattern: '\\d{1,2}', write: ({ minute }) => String(minute), read: digits('minute') }],
  ['5', { pattern: '\\d{1,2}', write: ({ second }) => String(second), read: digits('second') }],
];
const SPELLINGS = new RegExp(ELEMENTS.map(([text]) => text.replace('.', '\\.')).join('|'), 'g');
const BY_SPELLING = new Map(ELEMENTS);

/** A time as a layout writes it. */
export function formatLayout(layout: string, civil: Civil): string {
  return layout.replace(SPELLINGS, (spelling) => BY_SPELLING.get(spelling)!.write(civil));
}

/**
 * Epoch milliseconds of a text in a layout, `undefined` when it does not fit.
 *
 * @param zone where the text says none. @throws TerminalError for a date that no calendar has
 */
export function parseLayout(layout: string, text: string, zone: string): number | undefined {
  const elements: Element[] = [];
  let pattern = '';
  let at = 0;
  for (const { 0: spelling, index } of layout.matchAll(SPELLINGS)) {
    const element = BY_SPELLING.get(spelling)!;
    pattern += `${literal(layout.slice(at, index))}(${element.pattern})`;
    elements.push(element);
    at = index + spelling.length;
  }
  const found = new RegExp(`^${pattern}${literal(layout.slice(at))}$`).exec(text);
  if (!found) return undefined;
  const reading: Reading = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, millisecond: 0 };
  for (const [index, element] of elements.entries()) element.read?.(found[index + 1]!, reading);
  if (reading.afternoon !== undefined) reading.hour = (reading.hour % 12) + (reading.afternoon ? 12 : 0);
  const moment = momentOfCivil(reading, reading.offset ?? zone);
  if (moment === undefined) throw new TerminalError(`"${text}" is no date of the calendar`);
  return moment;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
