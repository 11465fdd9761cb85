// Numbers as typed, stepped and shown.

import { describe, expect, it } from 'vitest';
import type { NumberSpec } from './definitions';
import { barFromZero, formatNumber, readNumber, stepNumber } from './numbers';

const whole: NumberSpec = {
  kind: 'number',
  whole: true,
  min: 0,
  max: 2 ** 64,
  step: 1,
  round: 1,
  slider: false,
  default: 0,
};
const strength: NumberSpec = {
  ...whole,
  whole: false,
  min: -100,
  max: 100,
  step: 0.01,
  round: 0.01,
};
const side: NumberSpec = { ...whole, min: 16, max: 16384, step: 8 };

describe('typing', () => {
  it.each([
    ['1024*1.5', side, 1536],
    ['(2+3)*4 - 1', side, 19],
    ['-(1)', strength, -1],
    ['0,75', strength, 0.75],
    ['7', whole, 7],
    ['-5', whole, 0],
    ['99999', side, 16384],
    ['1/3', strength, 0.33],
  ])('%s', (typed, spec, value) => {
    expect(readNumber(typed, spec)).toBe(value);
  });

  it.each(['', 'abc', '1+', '2**3', '1e999', 'alert(1)'])('%j is no number', (typed) => {
    expect(readNumber(typed, strength)).toBeNull();
  });

  it('a seed beyond 2^53 stays exact', () => {
    expect(readNumber('18446744073709551557', whole)).toBe(18446744073709551557n);
  });
});

describe('stepping', () => {
  it('leaves no dust of binary fractions', () => {
    expect(stepNumber(0.1, 20, strength)).toBe(0.3);
  });

  it('stops at the ends', () => {
    expect(stepNumber(16380, 5, side)).toBe(16384);
  });

  it('keeps large seeds exact', () => {
    expect(stepNumber(18446744073709551557n, 1, whole)).toBe(18446744073709551558n);
  });
});

describe('showing', () => {
  it.each([
    [1, strength, '1.00'],
    [0.125, strength, '0.125'],
    [20, whole, '20'],
    [18446744073709551557n, whole, '18446744073709551557'],
  ])('%s', (value, spec, text) => {
    expect(formatNumber(value, spec)).toBe(text);
  });

  it('a strength bar starts at zero and goes left when negative', () => {
    expect(barFromZero(1, -2, 2)).toEqual([0.5, 0.75]);
    expect(barFromZero(-1, -2, 2)).toEqual([0.25, 0.5]);
    expect(barFromZero(0, -2, 2)).toEqual([0.5, 0.5]);
  });

  it('a bar widens for a value outside its usual range', () => {
    expect(barFromZero(6, -2, 2)).toEqual([0.25, 1]);
  });
});
