// Writes a document as a canvas workflow. What was not edited is written as it was read: the keys of
// the file win wherever they still say the same as the document.

import {
  type Doc,
  type DocNode,
  type Link,
  linkIndex,
  type NodeBody,
  type Point,
} from '../model/document';
import {
  idOf,
  isList,
  type Json,
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
} from '../model/json';
import { readPoint } from './workflow';

type Draft = Record<string, Json | undefined>;

function writePoint(point: Point, saved: Json | undefined): Json {
  const old = readPoint(saved, [Number.NaN, Number.NaN]);
  const same = saved !== undefined && old[0] === point[0] && old[1] === point[1];
  return same ? (saved ?? null) : [point[0], point[1]];
}

/** The id in the form of the file: a number where it looks like one and nothing else was saved. */
function writeId(id: string, saved?: Json): Json {
  if (saved !== undefined && idOf(saved) === id) return saved;
  return /^\d+$/.test(id) ? Number(id) : id;
}

function writeFlags(body: NodeBody): Json {
  const flags = objectOf(body.saved.flags);
  if ((flags.collapsed === true) === body.collapsed) return body.saved.flags ?? {};
  const { collapsed: _, ...rest } = flags;
  return body.collapsed ? { ...rest, collapsed: true } : rest;
}

interface Targets {
  readonly inputs: readonly JsonObject[];
  /** Input name -> slot in the saved list. */
  readonly slots: ReadonlyMap<string, number>;
}

/** The saved inputs with their links; an input that got its first link is added at the end. */
function writeInputs(doc: Doc, node: DocNode, kinds: InputKinds): Targets {
  const links = linkIndex(doc).into.get(node.id) ?? new Map<string, Link>();
  const slots = new Map<string, number>();
  const inputs: JsonObject[] = node.body.inputs.map((slot, i) => {
    if (!slots.has(slot.name)) slots.set(slot.name, i);
    const link = links.get(slot.name);
    const now = link ? writeId(link.id, slot.saved.link) : null;
    const unchanged = idOf(slot.saved.link) === (link?.id ?? null) && 'link' in slot.saved;
    return unchanged ? slot.saved : { ...slot.saved, link: now };
  });
  for (const [name, link] of links) {
    if (slots.has(name)) continue;
    slots.set(name, inputs.length);
    const kind = kinds(node.body, name);
    const widget = kind?.widget ? { widget: { name } } : {};
    inputs.push({ name, type: kind?.type ?? link.type, link: writeId(link.id), ...widget });
  }
  return { inputs, slots };
}

/** What an input of a node is: linked widgets appear among the inputs of files, and are marked. */
export type InputKinds = (
  body: NodeBody,
  input: string,
) => { readonly type: string; readonly widget: boolean } | null;

function writeOutputs(doc: Doc, node: DocNode): JsonObject[] {
  const all = linkIndex(doc).outOf.get(node.id) ?? [];
  return node.body.outputs.map((slot, i) => {
    const now = all.filter((link) => link.output === i).map((link) => link.id);
    const saved = listOf(slot.saved.links).map((id) => idOf(id));
    const same = saved.length === now.length && now.every((id) => saved.includes(id));
    if (same && 'links' in slot.saved) return slot.saved;
    return { ...slot.saved, links: now.map((id) => writeId(id)) };
  });
}

function writeNode(doc: Doc, node: DocNode, inputs: readonly JsonObject[]): JsonObject {
  const { body } = node;
  const { saved } = body;
  const out: Draft = { ...saved };
  out.id = writeId(node.id, saved.id);
  out.type = body.type;
  out.pos = writePoint(node.pos, saved.pos);
  out.size = writePoint(node.size, saved.size);
  if (body.collapsed || 'flags' in saved) out.flags = writeFlags(body);
  if (body.mode !== numberOf(saved.mode, 0) || 'mode' in saved) out.mode = body.mode;
  if (inputs.length > 0 || 'inputs' in saved) out.inputs = inputs;
  if (body.outputs.length > 0 || 'outputs' in saved) out.outputs = writeOutputs(doc, node);
  if (body.values !== undefined) out.widgets_values = body.values;
  if (body.title !== null) out.title = body.title;
  else delete out.title;
  return out;
}

/** A link in the form of the file: ids stay the numbers or texts that they were. */
function writeLink(link: Link, slot: number, schema1: boolean): Json {
  const old = objectOf(link.saved);
  if (schema1) {
    return {
      type: link.type,
      ...old,
      id: writeId(link.id, old.id),
      origin_id: writeId(link.from, old.origin_id),
      origin_slot: link.output,
      target_id: writeId(link.to, old.target_id),
      target_slot: slot,
    };
  }
  const [id, from, , to, , ...rest] = listOf(link.saved);
  const ends = [writeId(link.from, from), link.output, writeId(link.to, to), slot];
  return [writeId(link.id, id), ...ends, ...(isList(link.saved) ? rest : [link.type])];
}

/** The JSON of the document. `kinds` knows the inputs that no file has named yet. */
export function writeWorkflow(doc: Doc, kinds: InputKinds = () => null): JsonObject {
  const schema1 = doc.saved.version === 1;
  const targets = new Map([...doc.nodes].map(([id, node]) => [id, writeInputs(doc, node, kinds)]));
  const nodes = [...doc.nodes.values()].map((node) =>
    writeNode(doc, node, targets.get(node.id)?.inputs ?? []),
  );
  const links = [...doc.links.values()].map((link) =>
    writeLink(link, targets.get(link.to)?.slots.get(link.input) ?? 0, schema1),
  );
  const out: Draft = { ...doc.saved, nodes, links };
  if (schema1) {
    const state = objectOf(doc.saved.state);
    out.state = { ...state, lastNodeId: doc.lastNode, lastLinkId: doc.lastLink };
  } else {
    out.last_node_id = doc.lastNode;
    out.last_link_id = doc.lastLink;
    out.version = doc.saved.version ?? 0.4;
  }
  return out;
}
