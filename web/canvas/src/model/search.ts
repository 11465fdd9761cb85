// Finding node classes by what was typed: ranking, and the filter by socket of a dropped link.

import { compatible } from './compat';
import type { Catalogue, NodeDef } from './definitions';

export interface SocketFilter {
  /** The dropped link needs a node with an input (or an output) of this type. */
  readonly side: 'input' | 'output';
  readonly type: string;
}

export function fits(def: NodeDef, filter: SocketFilter): boolean {
  if (filter.side === 'output') {
    return def.outputs.some((output) => compatible(output.type, filter.type));
  }
  const sockets = [...def.inputs, ...def.widgets.filter((widget) => !widget.socketless)];
  return sockets.some((socket) => compatible(filter.type, socket.type));
}

/** True when a socket fits by its own type and not only because one side takes anything. */
function fitsExactly(def: NodeDef, filter: SocketFilter): boolean {
  const sockets = filter.side === 'output' ? def.outputs : def.inputs;
  return sockets.some((socket) => socket.type === filter.type);
}

/** Letters of `word` in order inside `text`; fewer gaps and an early start score higher. */
function fuzzy(text: string, word: string): number {
  let at = -1;
  let gaps = 0;
  for (const letter of word) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return 0;
    if (at >= 0) gaps += next - at - 1;
    at = next;
  }
  return gaps > word.length * 2 ? 0 : 20 / (1 + gaps);
}

function scoreText(text: string, word: string): number {
  const lower = text.toLowerCase();
  if (lower === word) return 100;
  if (lower.startsWith(word)) return 80;
  if (new RegExp(`(^|[^a-z0-9])${escapeRegExp(word)}`).test(lower)) return 60;
  if (lower.includes(word)) return 40;
  return fuzzy(lower, word);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** 0 when the node does not answer the query; every word must be found somewhere. */
export function score(def: NodeDef, query: string): number {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let total = 0;
  for (const word of words) {
    const best = Math.max(
      scoreText(def.title, word),
      scoreText(def.type, word),
      ...def.aliases.map((alias) => scoreText(alias, word) * 0.9),
      scoreText(def.category, word) * 0.4,
    );
    if (best === 0) return 0;
    total += best;
  }
  return total - def.title.length / 100 - (def.deprecated ? 30 : 0);
}

/** Best first; without a query all that fit, exact socket types first, then by title. */
export function searchNodes(
  catalogue: Catalogue,
  query: string,
  filter: SocketFilter | null,
): NodeDef[] {
  const offered = [...catalogue.values()].filter((def) => !filter || fits(def, filter));
  const ranked = offered.map((def) => {
    const exact = filter && fitsExactly(def, filter) ? 10 : 0;
    const found = query.trim() === '' ? 1 : score(def, query);
    return { def, rank: found === 0 ? 0 : found + exact };
  });
  return ranked
    .filter((one) => one.rank > 0)
    .sort((a, b) => b.rank - a.rank || a.def.title.localeCompare(b.def.title))
    .map((one) => one.def);
}
