// A job over time: which node ran when, how long and with how much memory. Places are parts of one.

import type { JobAccount, NodeAccount } from './account';
import type { NodeId } from './document';

const MOST_ROWS = 300;

export interface TimelineRow {
  readonly id: NodeId;
  readonly account: NodeAccount;
  /** Where its bar begins and how long it is, from 0 to 1. */
  readonly left: number;
  readonly width: number;
  /** Not a node of the document, so the canvas can't show it. */
  readonly added: boolean;
}

export interface Timeline {
  readonly seconds: number;
  readonly rows: readonly TimelineRow[];
  /** Rows that are left out because there are too many. */
  readonly more: number;
  readonly cached: number;
  /** Nodes that neither ran nor were cached: not needed, or not reached. */
  readonly idle: number;
}

function count(account: JobAccount, test: (node: NodeAccount) => boolean): number {
  return [...account.nodes.values()].filter(test).length;
}

/** The nodes that ran or failed, in the order in which they began; those that failed come last. */
export function timelineOf(account: JobAccount): Timeline {
  const all = [
    ...[...account.nodes].map(([id, node]) => ({ id, node, added: false })),
    ...[...account.added].map(([id, node]) => ({ id, node, added: true })),
  ];
  const begin = (node: NodeAccount): number => node.start ?? Number.POSITIVE_INFINITY;
  const shown = all
    .filter(({ node }) => node.fate === 'ran' || node.fate === 'failed')
    .sort((a, b) => (begin(a.node) < begin(b.node) ? -1 : begin(a.node) > begin(b.node) ? 1 : 0));
  const ends = shown.map(({ node }) => (node.start ?? 0) + (node.seconds ?? 0));
  const seconds = ends.reduce((a, b) => Math.max(a, b), account.seconds ?? 0);
  const part = (value: number | null): number => (seconds > 0 ? (value ?? 0) / seconds : 0);
  return {
    seconds,
    rows: shown.slice(0, MOST_ROWS).map(({ id, node, added }) => ({
      id,
      account: node,
      left: part(node.start),
      width: part(node.seconds),
      added,
    })),
    more: Math.max(0, shown.length - MOST_ROWS),
    cached: count(account, ({ fate }) => fate === 'cached'),
    idle: count(account, ({ fate }) => fate === 'not needed' || fate === 'not reached'),
  };
}
