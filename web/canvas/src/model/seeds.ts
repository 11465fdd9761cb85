// What `control_after_generate` does between runs. The value shown is the one that made the picture:
// a new one is drawn before a run, and only if the current one has been run already.

import { type Command, setWidget } from './commands';
import type { Catalogue, NumberSpec } from './definitions';
import { type Doc, linkInto, type NodeId } from './document';
import type { Json } from './json';
import { shapeOf } from './shape';

/** Browsers lose whole numbers above 2^53; drawn seeds stay well inside. */
const BOUND = 2 ** 50;

/** `node/widget` -> the value of the last run. */
export type LastRun = ReadonlyMap<string, Json>;

interface Controlled {
  readonly key: string;
  readonly node: NodeId;
  readonly index: number;
  readonly value: Json;
  readonly mode: Json;
  readonly spec: NumberSpec;
  readonly change: (value: Json) => Command;
}

function controlled(doc: Doc, catalogue: Catalogue): Controlled[] {
  const found: Controlled[] = [];
  for (const node of doc.nodes.values()) {
    const { def, fields } = shapeOf(catalogue, node.body);
    if (!def) continue;
    for (const field of fields) {
      const { spec, name } = field.def;
      if (!field.control || spec.kind !== 'number') continue;
      if (linkInto(doc, node.id, name)) continue;
      found.push({
        key: `${node.id}/${name}`,
        node: node.id,
        index: field.index,
        value: field.value,
        mode: field.control.value,
        spec,
        change: (value) => setWidget(node.id, def, field.index, value),
      });
    }
  }
  return found;
}

export function nextValue(value: Json, mode: Json, spec: NumberSpec, random: () => number): Json {
  const low = Math.max(spec.min, -BOUND);
  const high = Math.min(spec.max, BOUND);
  if (mode === 'randomize') {
    const choices = Math.floor((high - low) / spec.step) + 1;
    return low + Math.floor(random() * choices) * spec.step;
  }
  const direction = mode === 'increment' ? 1 : mode === 'decrement' ? -1 : 0;
  if (direction === 0) return value;
  if (typeof value === 'bigint') return value + BigInt(direction * spec.step);
  const start = typeof value === 'number' ? value : 0;
  return Math.min(high, Math.max(low, start + direction * spec.step));
}

/** The document to run now: values that were run already are replaced as their control says. */
export function drawForRun(
  doc: Doc,
  catalogue: Catalogue,
  last: LastRun,
  random: () => number = Math.random,
): { doc: Doc; last: LastRun } {
  let next = doc;
  const ran = new Map(last);
  for (const one of controlled(doc, catalogue)) {
    let { value } = one;
    if (last.get(one.key) === value) {
      value = nextValue(value, one.mode, one.spec, random);
      if (value !== one.value) next = one.change(value)(next);
    }
    ran.set(one.key, value);
  }
  return { doc: next, last: ran };
}
