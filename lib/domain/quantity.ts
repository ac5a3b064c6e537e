/**
 * A measured number as a person writes it, four digits long: `533.3 ms`, `0.0107 %`, `97.1 MiB`. A unit that is
 * not known stands behind the number as it is.
 */
export function quantity(value: number, unit = ''): string {
  if (!Number.isFinite(value)) return String(value);
  if (unit === 'share') return `${digits(value * 100)} %`;
  if (unit === 's' && value !== 0 && Math.abs(value) < 1) return `${digits(value * 1000)} ms`;
  if (unit === 'bytes') {
    const step =
      ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'].find((_, at) => Math.abs(value) < 1024 ** (at + 1)) ?? 'TiB';
    return `${digits(value / 1024 ** ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(step))} ${step}`;
  }
  return unit === '' ? digits(value) : `${digits(value)} ${unit}`;
}

function digits(value: number): string {
  // Whole numbers keep every digit: 12345 requests are not 12350.
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
