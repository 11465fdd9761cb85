// Copy and paste as pure functions: the selected part of a document, and putting such a part into
// another one under new numbers. The text form on the clipboard is a workflow (formats/).

import type { Doc, DocNode, Link, NodeId, Point } from './document';

/** The nodes of a selection and the links between them. */
export function fragment(doc: Doc, ids: ReadonlySet<NodeId>): Doc {
  const nodes = new Map([...doc.nodes].filter(([id]) => ids.has(id)));
  const links = new Map(
    [...doc.links].filter(([, link]) => ids.has(link.from) && ids.has(link.to)),
  );
  return { ...doc, nodes, links, saved: { extra: {}, version: 0.4 } };
}

/** Top-left corner of the nodes of a part. */
export function cornerOf(part: Doc): Point {
  const places = [...part.nodes.values()].map((node) => node.pos);
  if (places.length === 0) return [0, 0];
  return [Math.min(...places.map((p) => p[0])), Math.min(...places.map((p) => p[1]))];
}

/** Add a part with new ids, shifted by `by`; the new ids come back in the part's order. */
export function insert(doc: Doc, part: Doc, by: Point): { doc: Doc; ids: NodeId[] } {
  const renamed = new Map<NodeId, NodeId>();
  const nodes = new Map(doc.nodes);
  let lastNode = doc.lastNode;
  for (const node of part.nodes.values()) {
    lastNode += 1;
    const id = String(lastNode);
    renamed.set(node.id, id);
    nodes.set(id, moved(node, id, by));
  }
  const links = new Map(doc.links);
  let lastLink = doc.lastLink;
  for (const link of part.links.values()) {
    const from = renamed.get(link.from);
    const to = renamed.get(link.to);
    if (from === undefined || to === undefined) continue;
    lastLink += 1;
    const next: Link = { ...link, id: String(lastLink), from, to, saved: undefined };
    links.set(next.id, next);
  }
  return { doc: { ...doc, nodes, links, lastNode, lastLink }, ids: [...renamed.values()] };
}

function moved(node: DocNode, id: NodeId, by: Point): DocNode {
  const { id: _old, ...saved } = node.body.saved;
  return {
    ...node,
    id,
    pos: [node.pos[0] + by[0], node.pos[1] + by[1]],
    body: { ...node.body, saved },
  };
}

/** A shift from `start` in steps of 20 until no node lies exactly under a pasted one. */
export function freeShift(doc: Doc, part: Doc, start: Point): Point {
  const taken = new Set([...doc.nodes.values()].map((node) => node.pos.join()));
  const [dx, dy] = start;
  for (let step = 0; step < 100; step += 1) {
    const by: Point = [dx + 20 * step, dy + 20 * step];
    const clash = [...part.nodes.values()].some((node) =>
      taken.has([node.pos[0] + by[0], node.pos[1] + by[1]].join()),
    );
    if (!clash) return by;
  }
  return start;
}
