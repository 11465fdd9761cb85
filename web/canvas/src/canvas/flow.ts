// The document as React Flow wants it: one flow object per document object, kept for as long as that
// is unchanged, with computed sizes and handles so that nothing is ever measured.

import { type Edge, type Node, type NodeHandle, Position } from '@xyflow/react';
import type { Catalogue } from '../model/definitions';
import type { Doc, DocNode, Link, LinkId, NodeId, Point } from '../model/document';
import { HEADER, type Layout, layout, SOCKET } from '../model/geometry';
import { type Shape, shapeOf } from '../model/shape';

const NO_DATA: Record<string, never> = {};

export function inputHandle(name: string): string {
  return `in:${name}`;
}

export function outputHandle(index: number): string {
  return `out:${index}`;
}

export type HandleEnd =
  | { readonly side: 'input'; readonly input: string }
  | { readonly side: 'output'; readonly output: number };

export function readHandle(id: string | null | undefined): HandleEnd | null {
  if (!id) return null;
  if (id.startsWith('in:')) return { side: 'input', input: id.slice(3) };
  if (id.startsWith('out:')) return { side: 'output', output: Number(id.slice(4)) };
  return null;
}

type Sized = Pick<DocNode, 'size' | 'body'>;

const layouts = new WeakMap<Shape, { size: Point; picture: boolean; places: Layout }>();

/** The layout of a node; the same object for as long as nothing that it depends on changes. */
export function layoutOf({ size, body }: Sized, shape: Shape, picture: boolean): Layout {
  const known = layouts.get(shape);
  if (known && known.size === size && known.picture === picture) return known.places;
  const places = layout(shape, size, { collapsed: body.collapsed, picture });
  layouts.set(shape, { size, picture, places });
  return places;
}

interface Cached {
  readonly shape: Shape;
  readonly picture: boolean;
  readonly plain: Node;
  readonly selected: Node;
}

const nodes = new WeakMap<DocNode, Cached>();

function handlesOf(places: Layout): NodeHandle[] {
  const half = SOCKET / 2;
  const size = { width: SOCKET, height: SOCKET };
  const inputs = [...places.inputs].map(
    ([name, [x, y]]): NodeHandle => ({
      id: inputHandle(name),
      type: 'target',
      position: Position.Left,
      x: x - half,
      y: HEADER + y - half,
      ...size,
    }),
  );
  const outputs = places.outputs.map(
    ([x, y], i): NodeHandle => ({
      id: outputHandle(i),
      type: 'source',
      position: Position.Right,
      x: x - half,
      y: HEADER + y - half,
      ...size,
    }),
  );
  return [...inputs, ...outputs];
}

function cachedNode(node: DocNode, shape: Shape, picture: boolean): Cached {
  const known = nodes.get(node);
  if (known && known.shape === shape && known.picture === picture) return known;
  const places = layoutOf(node, shape, picture);
  const size = { width: places.width, height: places.height + HEADER };
  const plain: Node = {
    id: node.id,
    type: 'patch',
    position: { x: node.pos[0], y: node.pos[1] - HEADER },
    ...size,
    // Said as measured too: fitting the view counts only such nodes, mounted or not.
    measured: size,
    handles: handlesOf(places),
    data: NO_DATA,
  };
  const made = { shape, picture, plain, selected: { ...plain, selected: true } };
  nodes.set(node, made);
  return made;
}

export function flowNodes(
  doc: Doc,
  catalogue: Catalogue,
  selected: ReadonlySet<NodeId>,
  pictures: ReadonlyMap<NodeId, unknown>,
): Node[] {
  return [...doc.nodes.values()].map((node) => {
    const shape = shapeOf(catalogue, node.body);
    const cached = cachedNode(node, shape, pictures.has(node.id));
    return selected.has(node.id) ? cached.selected : cached.plain;
  });
}

const edges = new WeakMap<Link, { readonly plain: Edge; readonly selected: Edge }>();

function cachedEdge(link: Link): { readonly plain: Edge; readonly selected: Edge } {
  const known = edges.get(link);
  if (known) return known;
  const plain: Edge = {
    id: link.id,
    type: 'cable',
    source: link.from,
    target: link.to,
    sourceHandle: outputHandle(link.output),
    targetHandle: inputHandle(link.input),
    className: `from-${link.from} to-${link.to}`,
  };
  const made = { plain, selected: { ...plain, selected: true } };
  edges.set(link, made);
  return made;
}

/** Links whose ends both exist; one to a socket that this server's class lacks is not drawn. */
export function flowEdges(doc: Doc, catalogue: Catalogue, selected: ReadonlySet<LinkId>): Edge[] {
  const shown: Edge[] = [];
  for (const link of doc.links.values()) {
    const from = doc.nodes.get(link.from);
    const to = doc.nodes.get(link.to);
    if (!from || !to) continue;
    const source = shapeOf(catalogue, from.body).outputs[link.output];
    const target = shapeOf(catalogue, to.body);
    const known =
      target.inputs.some((input) => input.name === link.input) ||
      target.fields.some((field) => field.def.name === link.input && !field.def.socketless);
    if (!source || !known) continue;
    const cached = cachedEdge(link);
    shown.push(selected.has(link.id) ? cached.selected : cached.plain);
  }
  return shown;
}
