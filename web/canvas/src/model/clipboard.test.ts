// Copy, paste, duplicate.

import { describe, expect, it } from 'vitest';
import { starter } from '../../test/graphs';
import { fragment, freeShift, insert } from './clipboard';

describe('clipboard', () => {
  const doc = starter();
  const part = fragment(doc, new Set(['2', '3']));

  it('takes the nodes and the links between them', () => {
    expect(part.nodes.size).toBe(2);
    expect([...part.links.values()].every((link) => link.from === '2' && link.to === '3')).toBe(
      true,
    );
    expect(part.links.size).toBe(2);
  });

  it('puts them in under new numbers, keeping their shape', () => {
    const { doc: next, ids } = insert(doc, part, [100, 0]);
    expect(ids).toEqual(['10', '11']);
    expect(next.nodes.size).toBe(11);
    expect(next.links.size).toBe(15);
    expect(next.nodes.get('10')?.pos).toEqual([354, 30]);
    expect(next.nodes.get('10')?.body.saved.id).toBeUndefined();
    expect(next.lastNode).toBe(11);
  });

  it('shifts by 20 until nothing lies exactly underneath', () => {
    const once = insert(doc, part, [20, 20]).doc;
    expect(freeShift(doc, part, [0, 0])).toEqual([20, 20]);
    expect(freeShift(once, part, [20, 20])).toEqual([40, 40]);
  });
});
