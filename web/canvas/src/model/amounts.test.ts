// Amounts in words.

import { expect, it } from 'vitest';
import { bytesText, secondsText } from './amounts';

it.each([
  [0, '0 ms'],
  [0.0123, '12 ms'],
  [0.099, '99 ms'],
  [0.0996, '0.1 s'],
  [1.24, '1.2 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 0 s'],
  [134, '2 min 14 s'],
  [3720, '1 h 2 min'],
])('%f seconds are %s', (seconds, text) => {
  expect(secondsText(seconds)).toBe(text);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1500, '1.5 KB'],
  [999_600, '1.0 MB'],
  [34_200_000, '34 MB'],
  [4.2e9, '4.2 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});
