// Numbers as people type and read them: arithmetic, comma as point, clamping, rounding, precision.
// Whole numbers beyond 2^53 are kept as bigint, so that a seed is never changed by being shown.

import type { NumberSpec } from './definitions';
import type { Json } from './json';

function decimals(step: number): number {
  const text = String(step);
  if (text.includes('e-')) return Number(text.split('e-')[1]);
  return text.split('.')[1]?.length ?? 0;
}

/** With the precision of `step`, at least what the value itself needs up to 6 places. */
export function formatNumber(value: Json, spec: NumberSpec): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return String(value);
  if (spec.whole) return String(value);
  const needed = Math.min(6, decimals(Number(value.toPrecision(12))));
  return value.toFixed(Math.max(Math.min(decimals(spec.step), 6), needed));
}

export function clampNumber(value: number | bigint, spec: NumberSpec): number | bigint {
  if (value < spec.min) return spec.min;
  if (value > spec.max) return spec.max;
  if (typeof value === 'bigint') return value;
  if (spec.whole) return Math.round(value);
  if (spec.round === null) return value;
  return tidy(Math.round(value / spec.round) * spec.round);
}

/** Without the dust of binary fractions: 0.30000000000000004 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** The value `steps` steps further (fractions allowed), clamped and rounded. */
export function stepNumber(value: Json, steps: number, spec: NumberSpec): number | bigint {
  if (typeof value === 'bigint') {
    return clampNumber(value + BigInt(Math.round(steps * spec.step)), spec);
  }
  const start = typeof value === 'number' && Number.isFinite(value) ? value : 0;
  const next = tidy(start + steps * spec.step);
  return clampNumber(spec.whole ? Math.round(next) : next, spec);
}

/** What was typed: a number or a sum like `1024*1.5`; null when it is neither. */
export function readNumber(typed: string, spec: NumberSpec): number | bigint | null {
  const text = typed.trim().replace(/,/g, '.');
  if (/^[+-]?\d+$/.test(text)) {
    const exact = BigInt(text.replace(/^\+/, ''));
    const safe = Number.isSafeInteger(Number(exact));
    return clampNumber(safe ? Number(exact) : exact, spec);
  }
  const value = arithmetic(text);
  if (value === null || !Number.isFinite(value)) return null;
  return clampNumber(spec.whole ? Math.round(value) : value, spec);
}

/** + - * / and brackets over decimal numbers, by recursive descent; null on anything else. */
export function arithmetic(text: string): number | null {
  const tokens = text.match(/\d*\.?\d+(?:e[+-]?\d+)?|[-+*/()]/gi) ?? [];
  if (tokens.join('') !== text.replace(/\s+/g, '') || tokens.length === 0) return null;
  let at = 0;
  const take = (...wanted: string[]): string | null => {
    const token = tokens[at];
    if (token === undefined || !wanted.includes(token)) return null;
    at += 1;
    return token;
  };
  function factor(): number {
    if (take('-')) return -factor();
    if (take('+')) return factor();
    if (take('(')) {
      const inner = sum();
      return take(')') ? inner : Number.NaN;
    }
    const token = tokens[at];
    at += 1;
    return token === undefined ? Number.NaN : Number(token);
  }
  function product(): number {
    let value = factor();
    for (let op = take('*', '/'); op; op = take('*', '/')) {
      value = op === '*' ? value * factor() : value / factor();
    }
    return value;
  }
  function sum(): number {
    let value = product();
    for (let op = take('+', '-'); op; op = take('+', '-')) {
      value = op === '+' ? value + product() : value - product();
    }
    return value;
  }
  const value = sum();
  return at === tokens.length && !Number.isNaN(value) ? value : null;
}

/**
 * The part of a bar that is filled, as fractions of its width: from zero to the value, so that
 * negative strengths are seen going left. The range is widened when the value lies outside.
 */
export function barFromZero(value: number, low: number, high: number): [from: number, to: number] {
  const least = Math.min(low, value, 0);
  const most = Math.max(high, value, 0);
  const at = (x: number): number => (most === least ? 0 : (x - least) / (most - least));
  const zero = at(0);
  const end = at(value);
  return zero < end ? [zero, end] : [end, zero];
}
