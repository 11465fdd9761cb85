// Undo and redo: what is one step, and what is none.

import { describe, expect, it } from 'vitest';
import { starter } from '../../test/graphs';
import { moveNodes, renameNode } from './commands';
import * as steps from './history';

const doc = starter();
const moved = moveNodes(new Map([['1', [9, 9] as const]]))(doc);
const movedOn = moveNodes(new Map([['1', [50, 50] as const]]))(doc);
const renamed = renameNode('1', 'Base')(doc);

describe('history', () => {
  it('undo and redo return the very same documents', () => {
    const history = steps.commit(steps.startHistory(doc), moved);
    const undone = steps.undo(history);
    expect(undone.present).toBe(doc);
    expect(steps.redo(undone).present).toBe(moved);
  });

  it('a gesture of many moments is one step', () => {
    let history = steps.live(steps.startHistory(doc), moved);
    history = steps.settle(steps.live(history, movedOn));
    expect(history.past).toEqual([doc]);
    expect(steps.undo(history).present).toBe(doc);
  });

  it('a gesture given up leaves no step', () => {
    const history = steps.cancel(steps.live(steps.startHistory(doc), moved));
    expect(history.present).toBe(doc);
    expect(history.past).toEqual([]);
  });

  it('undo in the middle of a gesture takes the gesture back', () => {
    const history = steps.undo(steps.live(steps.startHistory(doc), moved));
    expect(history.present).toBe(doc);
    expect(history.future).toEqual([moved]);
  });

  it('typing within a second in one field is one step, later or elsewhere another', () => {
    let history = steps.commit(steps.startHistory(doc), moved, { key: 'a', at: 0 });
    history = steps.commit(history, movedOn, { key: 'a', at: 900 });
    expect(history.past).toEqual([doc]);
    history = steps.commit(history, renamed, { key: 'a', at: 2000 });
    expect(history.past).toEqual([doc, movedOn]);
    history = steps.commit(history, moved, { key: 'b', at: 2100 });
    expect(history.past).toHaveLength(3);
  });

  it('a new edit forgets what was undone', () => {
    const undone = steps.undo(steps.commit(steps.startHistory(doc), moved));
    expect(steps.commit(undone, renamed).future).toEqual([]);
  });

  it('a change that changes nothing is no step', () => {
    expect(steps.commit(steps.startHistory(doc), doc).past).toEqual([]);
  });

  it('an amended value is not a step of its own', () => {
    const history = steps.amend(steps.commit(steps.startHistory(doc), moved), renamed);
    expect(history.present).toBe(renamed);
    expect(steps.undo(history).present).toBe(doc);
  });
});
