// Small documents for tests.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseJson } from '../src/formats/json';
import { openJson } from '../src/formats/open';
import { addNode } from '../src/model/commands';
import { type Doc, EMPTY } from '../src/model/document';
import type { JsonObject } from '../src/model/json';
import { connect } from '../src/model/links';
import { CATALOGUE } from './support';

export function added(doc: Doc, type: string): Doc {
  const def = CATALOGUE.get(type);
  if (!def) throw new Error(`The test catalogue has no ${type}.`);
  return addNode(def, [0, 0])(doc).doc;
}

/** `n` LoraLoaders in a row, ids '1' to 'n', linked by model. */
export function chain(n: number): Doc {
  let doc = EMPTY;
  for (let i = 1; i <= n; i += 1) {
    doc = added(doc, 'LoraLoader');
    if (i === 1) continue;
    const from = { node: String(i - 1), output: 0 };
    doc = connect(CATALOGUE, from, { node: String(i), input: 'model' })(doc);
  }
  return doc;
}

export function starterJson(): JsonObject {
  const path = resolve(import.meta.dirname, '../src/assets/starter.json');
  return parseJson(readFileSync(path, 'utf8')) as JsonObject;
}

export function starter(): Doc {
  return openJson(starterJson(), CATALOGUE).doc;
}
