// The account of a job, and what of it is drawn over time.

import { describe, expect, it } from 'vitest';
import { readAccount } from './account';
import type { JsonObject } from './json';
import { timelineOf } from './timeline';

function ran(start: number, seconds: number, more: JsonObject = {}): JsonObject {
  return { class_type: 'Toy', title: 'Toy', status: 'ran', start, seconds, text: 'ran', ...more };
}

function answer(nodes: Record<string, JsonObject>, more: JsonObject = {}): JsonObject {
  return { prompt_id: 'p', state: 'completed', seconds: 4, nodes, added: {}, ...more };
}

describe('the account of a job', () => {
  it('is read with its figures and sentences', () => {
    const text = 'ran because seed changed from 1 to 2';
    const { nodes } = readAccount(answer({ '7': ran(1, 2, { peak_bytes: 10n, bytes: 5, text }) }));
    const seven = { title: 'Toy', fate: 'ran', text, start: 1, seconds: 2, bytes: 5, peak: 10 };
    expect(nodes.get('7')).toEqual(seven);
  });

  it('reads nothing out of what is no account', () => {
    const account = readAccount({ nodes: ['a'], added: null, seconds: 'long' });
    expect(account).toMatchObject({ prompt: '', state: '', seconds: null });
    expect(account.nodes.size).toBe(0);
    const odd = readAccount({ nodes: { '1': { status: 'eaten' }, '2': 5 } });
    expect([...odd.nodes].map(([id, node]) => [id, node.fate])).toEqual([['1', 'not needed']]);
  });
});

describe('a timeline', () => {
  it('has a bar for each node that ran, in the order of time', () => {
    const nodes = { a: ran(2, 2), b: ran(0, 1), c: { status: 'cached' } };
    const line = timelineOf(readAccount(answer(nodes)));
    expect(line.rows.map(({ id, left, width }) => [id, left, width])).toEqual([
      ['b', 0, 0.25],
      ['a', 0.5, 0.5],
    ]);
    expect(line).toMatchObject({ seconds: 4, cached: 1, idle: 0, more: 0 });
  });

  it('shows a failed node last, without a length', () => {
    const failed = { status: 'failed', text: 'failed: no' };
    const nodes = { a: failed, b: ran(0, 1), c: { status: 'not reached' } };
    const line = timelineOf(readAccount(answer(nodes)));
    expect(line.rows.map(({ id, width }) => [id, width])).toEqual([
      ['b', 0.25],
      ['a', 0],
    ]);
    expect(line.idle).toBe(1);
  });

  it('shows what nodes put in their place, and says that it is on no canvas', () => {
    const line = timelineOf(readAccount(answer({ a: ran(0, 1) }, { added: { 'a.1': ran(1, 1) } })));
    expect(line.rows.map(({ id, added }) => [id, added])).toEqual([
      ['a', false],
      ['a.1', true],
    ]);
  });

  it('no bar leaves the line, even when a node ended after the job was summed up', () => {
    const line = timelineOf(readAccount(answer({ a: ran(3, 5) })));
    expect(line.seconds).toBe(8);
    const [row] = line.rows;
    expect((row?.left ?? 0) + (row?.width ?? 0)).toBeLessThanOrEqual(1);
  });

  it('a job without a record is an empty line', () => {
    const line = timelineOf(readAccount({}));
    expect(line).toEqual({ seconds: 0, rows: [], more: 0, cached: 0, idle: 0 });
  });

  it('counts the rows of a large job that it does not draw', () => {
    const nodes = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i, ran(i, 1)]));
    const line = timelineOf(readAccount(answer(nodes)));
    expect(line.rows.length + line.more).toBe(1000);
    expect(line.rows.length).toBeLessThan(500);
  });
});
