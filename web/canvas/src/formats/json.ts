// JSON text in and out, forgiving where files in the wild need it: NaN and Infinity (Python writes
// them) are read, and whole numbers beyond 2^53 survive as bigint. Types: model/json.ts.

import type { Json } from '../model/json';

const MARK = '\u0000';
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN|-?\d+(?![\d.eE])/g;

function bareToken(token: string): string {
  if (token.startsWith('"')) return token;
  if (token === 'NaN' || token.endsWith('Infinity')) return JSON.stringify(MARK + token);
  return Number.isSafeInteger(Number(token)) ? token : JSON.stringify(MARK + token);
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
  const token = value.slice(1);
  return /^-?\d+$/.test(token) ? BigInt(token) : Number(token);
}

/** Parse; throws a SyntaxError with a position when the text is no JSON. */
export function parseJson(text: string): Json {
  const clean = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const needsCare = /NaN|Infinity|\d{16}/.test(clean);
  if (!needsCare) return JSON.parse(clean) as Json;
  return JSON.parse(clean.replace(TOKENS, bareToken), revive) as Json;
}

/** Write; bigint becomes a plain whole number, NaN and Infinity become null as JSON demands. */
export function writeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_key, one: unknown) => (typeof one === 'bigint' ? `${MARK}${one}` : one),
    indent,
  );
  return text.replace(/"\\u0000(-?\d+)"/g, '$1');
}
