// Every change to a document that concerns nodes: named functions (document) -> document.
// Links are changed in links.ts. A command that changes nothing returns the same document.

import type { NodeDef } from './definitions';
import type { Doc, DocNode, Mode, NodeBody, NodeId, Point, Slot } from './document';
import { newSize } from './geometry';
import type { Json, JsonObject } from './json';
import { shapeOf } from './shape';
import { writeValues } from './values';

export type Command = (doc: Doc) => Doc;

function withNode(doc: Doc, id: NodeId, change: (node: DocNode) => DocNode): Doc {
  const node = doc.nodes.get(id);
  if (!node) return doc;
  const next = change(node);
  if (next === node) return doc;
  return { ...doc, nodes: new Map(doc.nodes).set(id, next) };
}

function withBody(doc: Doc, id: NodeId, change: (body: NodeBody) => NodeBody): Doc {
  return withNode(doc, id, (node) => ({ ...node, body: change(node.body) }));
}

export function moveNodes(places: ReadonlyMap<NodeId, Point>): Command {
  return (doc) => {
    const nodes = new Map(doc.nodes);
    for (const [id, pos] of places) {
      const node = nodes.get(id);
      if (node) nodes.set(id, { ...node, pos });
    }
    return { ...doc, nodes };
  };
}

export function shiftNodes(ids: Iterable<NodeId>, dx: number, dy: number): Command {
  return (doc) => {
    const places = new Map<NodeId, Point>();
    for (const id of ids) {
      const node = doc.nodes.get(id);
      if (node) places.set(id, [node.pos[0] + dx, node.pos[1] + dy]);
    }
    return moveNodes(places)(doc);
  };
}

export function resizeNode(id: NodeId, size: Point): Command {
  return (doc) => withNode(doc, id, (node) => ({ ...node, size }));
}

/** Set one widget; `index` is its position in the definition's widget list. */
export function setWidget(id: NodeId, def: NodeDef, index: number, value: Json): Command {
  return (doc) => withBody(doc, id, (body) => writeValues(def, body, new Map([[index, value]])));
}

export function renameNode(id: NodeId, title: string): Command {
  return (doc) =>
    withBody(doc, id, (body) => ({ ...body, title: title.trim() === '' ? null : title.trim() }));
}

/** Mute or bypass: if any of the nodes is not in that mode all get it, else all run again. */
export function toggleMode(ids: readonly NodeId[], mode: Mode): Command {
  return (doc) => {
    const known = ids.filter((id) => doc.nodes.has(id));
    const on = known.some((id) => doc.nodes.get(id)?.body.mode !== mode);
    return known.reduce(
      (next, id) => withBody(next, id, (body) => ({ ...body, mode: on ? mode : 0 })),
      doc,
    );
  };
}

export function toggleCollapsed(ids: readonly NodeId[]): Command {
  return (doc) => {
    const known = ids.filter((id) => doc.nodes.has(id));
    const collapse = known.some((id) => !doc.nodes.get(id)?.body.collapsed);
    return known.reduce(
      (next, id) => withBody(next, id, (body) => ({ ...body, collapsed: collapse })),
      doc,
    );
  };
}

export function removeNodes(ids: Iterable<NodeId>): Command {
  return (doc) => {
    const gone = new Set([...ids].filter((id) => doc.nodes.has(id)));
    if (gone.size === 0) return doc;
    const nodes = new Map([...doc.nodes].filter(([id]) => !gone.has(id)));
    const links = new Map(
      [...doc.links].filter(([, link]) => !gone.has(link.from) && !gone.has(link.to)),
    );
    return { ...doc, nodes, links };
  };
}

function slot(name: string, type: string, more: JsonObject): Slot {
  return { name, type, saved: { name, type, ...more } };
}

/** The body of a new node, with the sockets and values that a file of this class holds. */
export function newBody(def: NodeDef): NodeBody {
  return {
    type: def.type,
    title: null,
    mode: 0,
    collapsed: false,
    values: def.widgets.length > 0 ? def.widgets.map((widget) => widget.spec.default) : undefined,
    inputs: def.inputs.map((input) =>
      slot(input.name, input.type, input.optional ? { shape: 7 } : {}),
    ),
    outputs: def.outputs.map((output) =>
      slot(output.name, output.type, output.list ? { shape: 6 } : {}),
    ),
    saved: { flags: {}, order: 0, properties: { 'Node name for S&R': def.type } },
  };
}

/** Add a node of a class; its id is the document's next one. */
export function addNode(def: NodeDef, pos: Point): (doc: Doc) => { doc: Doc; id: NodeId } {
  return (doc) => {
    const id = String(doc.lastNode + 1);
    const body = newBody(def);
    const size = newSize(shapeOf(new Map([[def.type, def]]), body));
    const nodes = new Map(doc.nodes).set(id, { id, pos, size, body });
    return { doc: { ...doc, nodes, lastNode: doc.lastNode + 1 }, id };
  };
}
