// What the person is doing: selection, open panels, theme. Nothing in here is part of the document.

import { create } from 'zustand';
import type { Link, LinkId, NodeId, Point } from '../model/document';
import type { InputEnd, OutputEnd } from '../model/links';
import type { SocketFilter } from '../model/search';

export type Theme = 'dark' | 'light';

/** The node search: where it opens, where the node goes, and the link that waits for it. */
export interface SearchRequest {
  readonly screen: Point;
  readonly place: Point;
  readonly filter: SocketFilter | null;
  readonly from: OutputEnd | null;
  readonly to: InputEnd | null;
}

/** A cable that follows the pointer. One of the ends stays: an output, or an input. */
export interface CableDrag {
  readonly output: OutputEnd | null;
  readonly input: InputEnd | null;
  /** The link whose target end was picked up; `output` is its origin. */
  readonly carried: Link | null;
}

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'info' | 'error';
}

interface UiState {
  readonly nodes: ReadonlySet<NodeId>;
  readonly links: ReadonlySet<LinkId>;
  readonly search: SearchRequest | null;
  readonly drag: CableDrag | null;
  readonly problemsOpen: boolean;
  readonly keysOpen: boolean;
  readonly timelineOpen: boolean;
  readonly helpShown: boolean;
  readonly theme: Theme;
  readonly toasts: readonly Toast[];
}

const THEME_KEY = 'patchbay.theme';
const HELP_KEY = 'patchbay.help';
const TOAST_MS = 5000;

export const useUi = create<UiState>(() => ({
  nodes: new Set(),
  links: new Set(),
  search: null,
  drag: null,
  problemsOpen: false,
  keysOpen: false,
  timelineOpen: false,
  helpShown: localStorage.getItem(HELP_KEY) !== 'seen',
  theme: localStorage.getItem(THEME_KEY) === 'light' ? 'light' : 'dark',
  toasts: [],
}));

function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}

export function select(nodes: Iterable<NodeId>, links: Iterable<LinkId> = []): void {
  const next = { nodes: new Set(nodes), links: new Set(links) };
  useUi.setState((state) =>
    sameSet(state.nodes, next.nodes) && sameSet(state.links, next.links) ? state : next,
  );
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(THEME_KEY, theme);
  useUi.setState({ theme });
}

export function toggleTimeline(): void {
  useUi.setState(({ timelineOpen }) => ({ timelineOpen: !timelineOpen }));
}

export function hideHelp(): void {
  localStorage.setItem(HELP_KEY, 'seen');
  useUi.setState({ helpShown: false });
}

export function toast(text: string, tone: Toast['tone'] = 'info'): void {
  const id = (useUi.getState().toasts.at(-1)?.id ?? 0) + 1;
  useUi.setState((state) => ({ toasts: [...state.toasts.slice(-3), { id, text, tone }] }));
  window.setTimeout(() => dismissToast(id), tone === 'error' ? TOAST_MS * 2 : TOAST_MS);
}

export function dismissToast(id: number): void {
  useUi.setState((state) => ({ toasts: state.toasts.filter((one) => one.id !== id) }));
}
