import { expect, it } from '@jest/globals';
import { quantity } from '../../lib/domain/quantity.js';

it.each([
  [0.533296, 's', '533.3 ms'],
  [2.5, 's', '2.5 s'],
  [0, 's', '0 s'],
  [0.000106617, 'share', '0.01066 %'],
  [0.05, 'share', '5 %'],
  [101709000, 'bytes', '97 MiB'],
  [512, 'bytes', '512 bytes'],
  [3 * 1024 ** 4, 'bytes', '3 TiB'],
  [0.523162, 'cores', '0.5232 cores'],
  [12345, 'requests', '12345 requests'],
  [7, undefined, '7'],
  [Number.NaN, 's', 'NaN'],
])('%d %s is %s', (value, unit, text) => {
  expect(quantity(value, unit)).toBe(text);
});
