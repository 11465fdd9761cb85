// Undo and redo as a stack of documents: structural sharing makes a step cost a few objects.
// One gesture is one step; a burst of typing in one field within a second is one step.

import type { Doc } from './document';

const LIMIT = 500;
const BURST_MS = 1000;

export interface History {
  readonly past: readonly Doc[];
  readonly present: Doc;
  readonly future: readonly Doc[];
  /** The document before the gesture that is going on, or null. */
  readonly before: Doc | null;
  readonly burst: { readonly key: string; readonly at: number } | null;
}

export interface Burst {
  /** What is being typed into; steps with the same key shortly after each other are one. */
  readonly key: string;
  readonly at: number;
}

export function startHistory(doc: Doc): History {
  return { past: [], present: doc, future: [], before: null, burst: null };
}

/** A finished change: one step that undo takes back. */
export function commit(history: History, doc: Doc, burst: Burst | null = null): History {
  const settled = settle(history);
  if (doc === settled.present) return settled;
  const last = settled.burst;
  const continues = burst && last && last.key === burst.key && burst.at - last.at < BURST_MS;
  const past = continues ? settled.past : [...settled.past, settled.present].slice(-LIMIT);
  return { past, present: doc, future: [], before: null, burst };
}

/** A change during a gesture: shown at once, becomes a step when the gesture settles. */
export function live(history: History, doc: Doc): History {
  if (doc === history.present) return history;
  return { ...history, present: doc, before: history.before ?? history.present, burst: null };
}

/** The end of a gesture. */
export function settle(history: History): History {
  const { before } = history;
  if (before === null) return history;
  if (before === history.present) return { ...history, before: null };
  return {
    past: [...history.past, before].slice(-LIMIT),
    present: history.present,
    future: [],
    before: null,
    burst: null,
  };
}

/** A gesture given up: back to where it began, without a step. */
export function cancel(history: History): History {
  if (history.before === null) return history;
  return { ...history, present: history.before, before: null };
}

/** A change that is no step of its own: the seed drawn for a run. */
export function amend(history: History, doc: Doc): History {
  return doc === history.present ? history : { ...history, present: doc };
}

export function undo(history: History): History {
  const settled = settle(history);
  const previous = settled.past.at(-1);
  if (!previous) return settled;
  return {
    past: settled.past.slice(0, -1),
    present: previous,
    future: [settled.present, ...settled.future],
    before: null,
    burst: null,
  };
}

export function redo(history: History): History {
  const settled = settle(history);
  const [next, ...future] = settled.future;
  if (!next) return settled;
  return {
    past: [...settled.past, settled.present],
    present: next,
    future,
    before: null,
    burst: null,
  };
}
