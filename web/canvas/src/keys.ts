// The keyboard: one table from keys to commands. Keys act on the canvas only while no text field has
// the focus.

import type { ReactFlowInstance } from '@xyflow/react';
import { cancelConnection } from './canvas/connecting';
import type { TextKey } from './i18n';
import type { Point } from './model/document';
import { reloadCatalogue } from './stores/catalog';
import { check } from './stores/check';
import { cancelGesture, redo, undo } from './stores/document';
import * as edits from './stores/edits';
import { chooseFile, saveWorkflow } from './stores/files';
import { closePlan, usePlan } from './stores/plan';
import { run, stop } from './stores/run';
import { select, toggleTimeline, useUi } from './stores/ui';

interface Context {
  readonly flow: ReactFlowInstance;
  /** Where the pointer was last seen on the screen. */
  readonly pointer: Point;
}

interface Binding {
  readonly keys: string;
  readonly does: TextKey;
  readonly act: (context: Context, event: KeyboardEvent) => void;
  /** Also while a text field has the focus. */
  readonly always?: boolean;
}

function openSearch({ flow, pointer }: Context): void {
  const place = flow.screenToFlowPosition({ x: pointer[0], y: pointer[1] });
  const at: Point = [place.x, place.y];
  useUi.setState({ search: { screen: pointer, place: at, filter: null, from: null, to: null } });
}

function fit({ flow }: Context): void {
  const chosen = [...useUi.getState().nodes].map((id) => ({ id }));
  void flow.fitView({ padding: 0.08, maxZoom: 1, ...(chosen.length > 0 ? { nodes: chosen } : {}) });
}

function stepBack(): void {
  cancelConnection();
  cancelGesture();
  const { keysOpen, problemsOpen, timelineOpen } = useUi.getState();
  if (keysOpen) useUi.setState({ keysOpen: false });
  else if (usePlan.getState().state !== 'closed') closePlan();
  else if (problemsOpen) useUi.setState({ problemsOpen: false });
  else if (timelineOpen) toggleTimeline();
  else select([]);
}

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export const BINDINGS: readonly Binding[] = [
  { keys: 'Ctrl+Enter', does: 'key.run', act: () => void run(), always: true },
  { keys: 'Ctrl+Alt+Enter', does: 'key.stop', act: () => void stop(), always: true },
  { keys: 'Ctrl+Shift+Enter', does: 'check.tip', act: () => void check(), always: true },
  { keys: 'T', does: 'timeline.tip', act: toggleTimeline },
  { keys: 'Shift+A', does: 'key.add', act: openSearch },
  { keys: 'Ctrl+Z', does: 'key.undo', act: undo },
  { keys: 'Ctrl+Y', does: 'key.redo', act: redo },
  { keys: 'Ctrl+Shift+Z', does: 'key.redo', act: redo },
  { keys: 'Ctrl+S', does: 'key.save', act: saveWorkflow, always: true },
  { keys: 'Ctrl+O', does: 'key.open', act: chooseFile, always: true },
  { keys: 'Ctrl+A', does: 'key.all', act: edits.selectAll },
  { keys: 'Ctrl+D', does: 'key.duplicate', act: edits.duplicate },
  { keys: 'Delete', does: 'key.delete', act: () => edits.deleteSelection() },
  { keys: 'Backspace', does: 'key.delete', act: () => edits.deleteSelection() },
  { keys: 'Ctrl+Delete', does: 'key.join', act: () => edits.deleteSelection(true) },
  { keys: 'Ctrl+M', does: 'key.mute', act: edits.mute },
  { keys: 'Ctrl+B', does: 'key.bypass', act: edits.bypass },
  { keys: 'Alt+C', does: 'key.collapse', act: edits.collapse },
  { keys: 'R', does: 'key.reload', act: () => void reloadCatalogue() },
  { keys: '.', does: 'key.fit', act: fit },
  { keys: '?', does: 'key.keys', act: () => useUi.setState({ keysOpen: true }) },
  { keys: 'Escape', does: 'key.escape', act: stepBack },
];

function chordOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const named = /^[A-Z]$/.test(key) || key.length > 1;
  return [
    (event.ctrlKey || event.metaKey) && 'Ctrl',
    event.altKey && 'Alt',
    event.shiftKey && named && 'Shift',
    key,
  ]
    .filter(Boolean)
    .join('+');
}

export function inText(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
  );
}

/** Listen to the keyboard and the clipboard; returns the way to end it. */
export function startKeys(flow: ReactFlowInstance): () => void {
  let pointer: Point = [window.innerWidth / 2, window.innerHeight / 2];
  const moved = (event: PointerEvent): void => {
    pointer = [event.clientX, event.clientY];
  };
  const pressed = (event: KeyboardEvent): void => {
    const text = inText(event.target);
    const arrow = ARROWS[event.key];
    if (arrow && !text && !event.ctrlKey && !event.altKey && useUi.getState().nodes.size > 0) {
      const far = event.shiftKey ? 1 : 10;
      event.preventDefault();
      edits.nudge(arrow[0] * far, arrow[1] * far);
      return;
    }
    const chord = chordOf(event);
    const binding = BINDINGS.find((one) => one.keys === chord && (!text || one.always));
    if (!binding) return;
    event.preventDefault();
    binding.act({ flow, pointer }, event);
  };
  const copied = (event: ClipboardEvent): void => {
    const text = inText(event.target) ? null : edits.copyText();
    if (text === null) return;
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
    if (event.type === 'cut') edits.deleteSelection();
  };
  const pasted = (event: ClipboardEvent): void => {
    const text = event.clipboardData?.getData('text/plain');
    if (!text || inText(event.target)) return;
    event.preventDefault();
    const place = flow.screenToFlowPosition({ x: pointer[0], y: pointer[1] });
    edits.pasteText(text, [place.x, place.y]);
  };
  window.addEventListener('pointermove', moved);
  window.addEventListener('keydown', pressed);
  document.addEventListener('copy', copied);
  document.addEventListener('cut', copied);
  document.addEventListener('paste', pasted);
  return () => {
    window.removeEventListener('pointermove', moved);
    window.removeEventListener('keydown', pressed);
    document.removeEventListener('copy', copied);
    document.removeEventListener('cut', copied);
    document.removeEventListener('paste', pasted);
  };
}
