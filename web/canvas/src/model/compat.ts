// Which socket fits which (canvas behaviour 2.4), and whether a new link would close a cycle.

import { type Doc, linkIndex, type NodeId } from './document';

function members(type: string): string[] {
  return type
    .toUpperCase()
    .split(',')
    .map((part) => part.trim());
}

function isWild(type: string): boolean {
  return type === '*' || type === '' || type === '0';
}

/** Either is `*`, or the comma-separated sets share a member. Symmetric, ignoring case. */
export function compatible(a: string, b: string): boolean {
  if (isWild(a) || isWild(b)) return true;
  const others = members(b);
  return members(a).some((one) => isWild(one) || others.includes(one) || others.some(isWild));
}

/**
 * The nodes of the cycle that a link `from -> to` would close, first and last the same node;
 * null when there would be none. A node linked to itself is a cycle of one.
 */
export function cycleClosedBy(doc: Doc, from: NodeId, to: NodeId): NodeId[] | null {
  if (from === to) return [from, to];
  const { outOf } = linkIndex(doc);
  const cameFrom = new Map<NodeId, NodeId | null>([[to, null]]);
  const queue = [to];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const link of outOf.get(at) ?? []) {
      if (cameFrom.has(link.to)) continue;
      cameFrom.set(link.to, at);
      if (link.to === from) return [from, ...pathTo(cameFrom, from)];
      queue.push(link.to);
    }
  }
  return null;
}

function pathTo(cameFrom: ReadonlyMap<NodeId, NodeId | null>, end: NodeId): NodeId[] {
  const path: NodeId[] = [];
  for (let at: NodeId | null | undefined = end; at; at = cameFrom.get(at)) path.unshift(at);
  return path;
}
