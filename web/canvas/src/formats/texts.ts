// The two changes that text goes through on its way to the server (workflow formats 4.3): dynamic
// prompts, and the %tokens% of file name prefixes.

import type { Catalogue } from '../model/definitions';
import type { Doc } from '../model/document';
import { type Json, objectOf, textOf } from '../model/json';
import { shapeOf } from '../model/shape';

/** Comments go, `{a|b}` becomes one of them (also nested), then `\{ \| \}` the bare characters. */
export function expandPrompt(text: string, random: () => number = Math.random): string {
  const plain = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/[^\n]*/g, '');
  return choose(plain, random).replace(/\\([{}|])/g, '$1');
}

function choose(text: string, random: () => number): string {
  let out = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? '';
    if (char === '\\') {
      out += char + (text[i + 1] ?? '');
      i += 1;
    } else if (char === '{') {
      const { choices, end } = readChoices(text, i + 1);
      if (end < 0) return out + text.slice(i);
      out += choose(choices[Math.floor(random() * choices.length)] ?? '', random);
      i = end;
    } else {
      out += char;
    }
  }
  return out;
}

/** The alternatives of a group that starts at `start`; `end` is its closing brace, or -1. */
function readChoices(text: string, start: number): { choices: string[]; end: number } {
  const choices: string[] = [];
  let depth = 0;
  let from = start;
  for (let i = start; i < text.length; i += 1) {
    const char = text[i];
    if (char === '\\') i += 1;
    else if (char === '{') depth += 1;
    else if (char === '}' && depth > 0) depth -= 1;
    else if ((char === '|' || char === '}') && depth === 0) {
      choices.push(text.slice(from, i));
      from = i + 1;
      if (char === '}') return { choices, end: i };
    }
  }
  return { choices: [], end: -1 };
}

function formatDate(format: string, now: Date): string {
  const parts: Record<string, number> = {
    d: now.getDate(),
    M: now.getMonth() + 1,
    h: now.getHours(),
    m: now.getMinutes(),
    s: now.getSeconds(),
  };
  const year = String(now.getFullYear());
  return format.replace(/yyyy|yy|([dMhms])\1?/g, (token) => {
    if (token === 'yyyy') return year;
    if (token === 'yy') return year.slice(-2);
    return String(parts[token[0] ?? ''] ?? '').padStart(token.length, '0');
  });
}

const SERVER_TOKENS = /^(width|height|year|month|day|hour|minute|second|batch_num)$/;

/** Replaces %date:...% and %Node.widget%; tokens of the server and unknown ones stay. */
export function expandPrefix(text: string, doc: Doc, catalogue: Catalogue, now: Date): string {
  return text.replace(/%([^%]+)%/g, (whole, token: string) => {
    if (SERVER_TOKENS.test(token)) return whole;
    if (token.startsWith('date:')) return formatDate(token.slice(5), now);
    const dot = token.indexOf('.');
    if (dot < 0) return whole;
    const value = widgetValue(doc, catalogue, token.slice(0, dot), token.slice(dot + 1));
    return value === undefined ? whole : fileSafe(String(value));
  });
}

function fileSafe(text: string): string {
  return [...text]
    .map((char) =>
      '/?<>\\:*|"'.includes(char) || char.charCodeAt(0) < 32 || char === '\x7f' ? '_' : char,
    )
    .join('');
}

function widgetValue(
  doc: Doc,
  catalogue: Catalogue,
  node: string,
  widget: string,
): Json | undefined {
  const nodes = [...doc.nodes.values()];
  const named = nodes.find(
    ({ body }) => textOf(objectOf(body.saved.properties)['Node name for S&R']) === node,
  );
  const found = named ?? nodes.find(({ body }) => shapeOf(catalogue, body).title === node);
  if (!found) return undefined;
  return shapeOf(catalogue, found.body).fields.find((field) => field.def.name === widget)?.value;
}
