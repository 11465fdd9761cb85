// Seeds between runs: the one shown is the one of the picture.

import { describe, expect, it } from 'vitest';
import { starter } from '../../test/graphs';
import { CATALOGUE } from '../../test/support';
import { setWidget } from './commands';
import type { Doc } from './document';
import type { Json } from './json';
import { drawForRun } from './seeds';
import { shapeOf } from './shape';

function seedOf(doc: Doc): Json | undefined {
  const body = doc.nodes.get('7')?.body;
  return body && shapeOf(CATALOGUE, body).fields.find((field) => field.def.name === 'seed')?.value;
}

function withControl(mode: string): Doc {
  const def = CATALOGUE.get('KSampler');
  if (!def) throw new Error('no KSampler');
  return setWidget('7', def, 1, mode)(starter());
}

describe('drawing before a run', () => {
  it('the seed of a file is run as it is', () => {
    expect(seedOf(drawForRun(starter(), CATALOGUE, new Map()).doc)).toBe(7);
  });

  it.each([
    ['randomize', 2 ** 49],
    ['increment', 8],
    ['decrement', 6],
    ['fixed', 7],
  ])('after a run with %s the next one is %d', (mode, next) => {
    const first = drawForRun(withControl(mode), CATALOGUE, new Map());
    const second = drawForRun(first.doc, CATALOGUE, first.last, () => 0.5);
    expect(seedOf(second.doc)).toBe(next);
  });

  it('a seed typed after a run is run as it was typed', () => {
    const first = drawForRun(starter(), CATALOGUE, new Map());
    const def = CATALOGUE.get('KSampler');
    if (!def) throw new Error('no KSampler');
    const typed = setWidget('7', def, 0, 42)(first.doc);
    expect(seedOf(drawForRun(typed, CATALOGUE, first.last).doc)).toBe(42);
  });
});
