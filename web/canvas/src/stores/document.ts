// The open document and its history: the one place that changes it. Selection, hover and run state
// live elsewhere; saving to the browser is in autosave.ts.

import { create } from 'zustand';
import type { Command } from '../model/commands';
import { type Doc, type DocNode, EMPTY, type NodeBody, type NodeId } from '../model/document';
import * as steps from '../model/history';
import { newId } from '../server/socket';

interface DocumentState {
  readonly history: steps.History;
  readonly name: string;
  /** Grows with every document that is opened: what belongs to the old one is dropped then. */
  readonly generation: number;
  /** What a document without an id of its own is known by, to the server and in its file. */
  readonly identity: string;
  /** The document as it was opened or last saved to a file. */
  readonly clean: Doc;
}

export const useDocument = create<DocumentState>(() => ({
  history: steps.startHistory(EMPTY),
  name: '',
  generation: 0,
  identity: newId(),
  clean: EMPTY,
}));

function setHistory(change: (history: steps.History) => steps.History): void {
  useDocument.setState((state) => ({ history: change(state.history) }));
}

export function currentDoc(): Doc {
  return useDocument.getState().history.present;
}

/** A workflow gets its identity with its first edit; runs before that are known by it, too. */
export function identified(doc: Doc): Doc {
  const { identity } = useDocument.getState();
  return doc.saved.id ? doc : { ...doc, saved: { id: identity, ...doc.saved } };
}

/** One finished edit. Edits with the same `typing` key within a second are one undo step. */
export function commit(command: Command, typing?: string): void {
  setHistory((history) => {
    const next = command(history.present);
    if (next === history.present) return steps.settle(history);
    const burst = typing === undefined ? null : { key: typing, at: performance.now() };
    return steps.commit(history, identified(next), burst);
  });
}

/** One moment of a gesture; `settle` or `cancel` ends it. */
export function live(command: Command): void {
  setHistory((history) => steps.live(history, command(history.present)));
}

export function settle(): void {
  setHistory(steps.settle);
}

export function cancelGesture(): void {
  setHistory(steps.cancel);
}

export function amend(doc: Doc): void {
  setHistory((history) => steps.amend(history, doc));
}

export function undo(): void {
  setHistory(steps.undo);
}

export function redo(): void {
  setHistory(steps.redo);
}

export function openDocument(doc: Doc, name: string, clean: Doc = doc): void {
  useDocument.setState((state) => ({
    history: steps.startHistory(doc),
    name,
    generation: state.generation + 1,
    identity: newId(),
    clean,
  }));
}

export function markSaved(name: string): void {
  useDocument.setState((state) => ({ name, clean: state.history.present }));
}

export function useDoc(): Doc {
  return useDocument((state) => state.history.present);
}

export function useNode(id: NodeId): DocNode | undefined {
  return useDocument((state) => state.history.present.nodes.get(id));
}

export function useBody(id: NodeId): NodeBody | undefined {
  return useDocument((state) => state.history.present.nodes.get(id)?.body);
}
