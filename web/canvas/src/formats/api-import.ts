// Makes a document from an API prompt (workflow formats 6): one node per key, values and links by
// input name, laid out in columns by depth. The prompt has no positions of its own.

import { newBody } from '../model/commands';
import type { Catalogue, NodeDef } from '../model/definitions';
import {
  type Doc,
  EMPTY,
  type Link,
  type NodeBody,
  type NodeId,
  type Point,
} from '../model/document';
import { HEADER, newSize } from '../model/geometry';
import {
  idOf,
  isList,
  isObject,
  type Json,
  type JsonObject,
  numberOf,
  objectOf,
  textOf,
} from '../model/json';
import { shapeOf } from '../model/shape';
import { writeValues } from '../model/values';

const COLUMN_GAP = 60;
const ROW_GAP = 40;

interface Entry {
  readonly key: string;
  readonly id: NodeId;
  readonly type: string;
  readonly inputs: JsonObject;
  readonly title: string;
}

export function isApiPrompt(json: Json): json is JsonObject {
  if (!isObject(json)) return false;
  const values = Object.values(json);
  return values.length > 0 && values.every((one) => isObject(one) && 'class_type' in one);
}

function entriesOf(json: JsonObject): Entry[] {
  const taken = Object.keys(json).filter((key) => /^\d+$/.test(key));
  let last = Math.max(0, ...taken.map(Number));
  return Object.entries(json).map(([key, value]) => {
    const node = objectOf(value);
    const id = /^\d+$/.test(key) ? key : String(++last);
    const title = textOf(objectOf(node._meta).title);
    return { key, id, type: textOf(node.class_type), inputs: objectOf(node.inputs), title };
  });
}

function isLink(value: Json | undefined): value is readonly [Json, Json] {
  return isList(value) && value.length === 2 && idOf(value[0]) !== null;
}

function constant(value: Json | undefined): Json {
  return isObject(value) && '__value__' in value ? (value.__value__ ?? null) : (value ?? null);
}

/** An unknown class keeps its values and gets the sockets that its links need. */
function unknownBody(entry: Entry): NodeBody {
  const inputs = Object.entries(entry.inputs)
    .filter(([, value]) => isLink(value))
    .map(([name]) => ({ name, type: '*', saved: { name, type: '*' } }));
  const values = Object.fromEntries(
    Object.entries(entry.inputs)
      .filter(([, value]) => !isLink(value))
      .map(([name, value]) => [name, constant(value)]),
  );
  const saved = { flags: {}, order: 0, properties: { 'Node name for S&R': entry.type } };
  return {
    type: entry.type,
    title: null,
    mode: 0,
    collapsed: false,
    values,
    inputs,
    outputs: [],
    saved,
  };
}

function knownBody(entry: Entry, def: NodeDef): NodeBody {
  const changes = new Map<number, Json>();
  def.widgets.forEach((widget, i) => {
    const value = entry.inputs[widget.name];
    if (value !== undefined && !isLink(value)) changes.set(i, constant(value));
    // The saved value is the one to run: what follows it must not change it unasked.
    if (widget.spec.kind === 'control') changes.set(i, 'fixed');
  });
  return writeValues(def, newBody(def), changes);
}

function bodyOf(entry: Entry, catalogue: Catalogue): NodeBody {
  const def = catalogue.get(entry.type);
  const body = def ? knownBody(entry, def) : unknownBody(entry);
  const title = entry.title !== '' && entry.title !== def?.title ? entry.title : null;
  return { ...body, title };
}

function linksOf(entries: readonly Entry[], bodies: ReadonlyMap<NodeId, NodeBody>): Link[] {
  const ids = new Map(entries.map((entry) => [entry.key, entry.id]));
  const links: Link[] = [];
  for (const entry of entries) {
    for (const [input, value] of Object.entries(entry.inputs)) {
      const from = isLink(value) ? ids.get(idOf(value[0]) ?? '') : undefined;
      if (!isLink(value) || from === undefined) continue;
      const output = numberOf(value[1], 0);
      const type = bodies.get(from)?.outputs[output]?.type ?? '*';
      const id = String(links.length + 1);
      links.push({ id, from, output, to: entry.id, input, type, saved: undefined });
    }
  }
  return links;
}

/** How many links lie above each node, by the longest way; a cycle does not loop. */
function depths(ids: readonly NodeId[], links: readonly Link[]): Map<NodeId, number> {
  const depth = new Map(ids.map((id) => [id, 0]));
  for (let round = 0; round < ids.length; round += 1) {
    let changed = false;
    for (const link of links) {
      const wanted = (depth.get(link.from) ?? 0) + 1;
      if (wanted > (depth.get(link.to) ?? 0) && wanted < ids.length) {
        depth.set(link.to, wanted);
        changed = true;
      }
    }
    if (!changed) break;
  }
  return depth;
}

function place(
  sizes: ReadonlyMap<NodeId, Point>,
  depth: ReadonlyMap<NodeId, number>,
): Map<NodeId, Point> {
  const columns = new Map<number, NodeId[]>();
  for (const id of sizes.keys()) {
    const column = depth.get(id) ?? 0;
    columns.set(column, [...(columns.get(column) ?? []), id]);
  }
  const places = new Map<NodeId, Point>();
  let x = 0;
  for (const column of [...columns.keys()].sort((a, b) => a - b)) {
    let y = 0;
    let width = 0;
    for (const id of columns.get(column) ?? []) {
      const size = sizes.get(id) ?? [210, 58];
      places.set(id, [x, y]);
      y += size[1] + HEADER + ROW_GAP;
      width = Math.max(width, size[0]);
    }
    x += width + COLUMN_GAP;
  }
  return places;
}

export function readApiPrompt(json: JsonObject, catalogue: Catalogue): Doc {
  const entries = entriesOf(json);
  const bodies = new Map(entries.map((entry) => [entry.id, bodyOf(entry, catalogue)]));
  const links = linksOf(entries, bodies);
  const sizes = new Map([...bodies].map(([id, body]) => [id, newSize(shapeOf(catalogue, body))]));
  const places = place(sizes, depths([...bodies.keys()], links));
  const nodes = new Map(
    [...bodies].map(([id, body]) => {
      const pos = places.get(id) ?? ([0, 0] as const);
      return [id, { id, body, pos, size: sizes.get(id) ?? ([210, 58] as const) }];
    }),
  );
  const lastNode = Math.max(0, ...[...nodes.keys()].map(Number));
  return {
    ...EMPTY,
    nodes,
    links: new Map(links.map((link) => [link.id, link])),
    lastNode,
    lastLink: links.length,
  };
}
