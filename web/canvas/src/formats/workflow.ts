// Reads a canvas workflow (schema 0.4, and 1) into a document. Unknown keys stay; what is broken is
// repaired as workflow formats 4.1 says and reported in words. Writing: workflow-write.ts.

import type { Doc, DocNode, Link, NodeBody, NodeId, Point, Slot } from '../model/document';
import {
  idOf,
  isList,
  isObject,
  type Json,
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
  textOf,
} from '../model/json';

export interface Loaded {
  readonly doc: Doc;
  readonly repairs: readonly string[];
}

/** The input name at a slot of a class, for links that the node's saved inputs do not know. */
export type SlotNames = (type: string, slot: number) => string | null;

export function readPoint(value: Json | undefined, otherwise: Point): Point {
  const pair = isList(value) ? value : [objectOf(value)['0'], objectOf(value)['1']];
  return [numberOf(pair[0], otherwise[0]), numberOf(pair[1], otherwise[1])];
}

function readSlot(value: Json): Slot {
  const saved = objectOf(value);
  const type = isList(saved.type) ? 'COMBO' : textOf(saved.type, '*');
  return { name: textOf(saved.name), type, saved };
}

function readNode(saved: JsonObject, id: NodeId): DocNode {
  const body: NodeBody = {
    type: textOf(saved.type),
    title: textOf(saved.title) || null,
    mode: numberOf(saved.mode, 0),
    collapsed: objectOf(saved.flags).collapsed === true,
    values: saved.widgets_values,
    inputs: listOf(saved.inputs).map(readSlot),
    outputs: listOf(saved.outputs).map(readSlot),
    saved,
  };
  return { id, pos: readPoint(saved.pos, [0, 0]), size: readPoint(saved.size, [210, 58]), body };
}

interface SavedLink {
  readonly id: string;
  readonly from: NodeId;
  readonly output: number;
  readonly to: NodeId;
  readonly slot: number;
  readonly type: string;
  readonly saved: Json;
}

function readLink(saved: Json): SavedLink | null {
  const fields = isList(saved)
    ? saved
    : isObject(saved)
      ? ['id', 'origin_id', 'origin_slot', 'target_id', 'target_slot', 'type'].map((k) => saved[k])
      : [];
  const [id, from, output, to, slot, type] = fields;
  const ids = { id: idOf(id), from: idOf(from), to: idOf(to) };
  if (ids.id === null || ids.from === null || ids.to === null) return null;
  return {
    id: ids.id,
    from: ids.from,
    to: ids.to,
    output: numberOf(output, 0),
    slot: numberOf(slot, 0),
    type: isList(type) ? 'COMBO' : textOf(type, '*'),
    saved,
  };
}

/** Link id -> name of the input that names it. */
function namedTargets(nodes: Doc['nodes']): Map<string, string> {
  const names = new Map<string, string>();
  for (const node of nodes.values()) {
    for (const input of node.body.inputs) {
      const link = idOf(input.saved.link);
      if (link !== null) names.set(`${node.id}/${link}`, input.name);
    }
  }
  return names;
}

/** Of several links to one input the first wins, unless only a later one is named by the input. */
function withoutDuplicates(links: readonly Link[], named: ReadonlyMap<string, string>): Link[] {
  const winners = new Map<string, Link>();
  for (const link of links) {
    const key = `${link.to}/${link.input}`;
    const winner = winners.get(key);
    const isNamed = named.has(`${link.to}/${link.id}`);
    const better = winner && isNamed && !named.has(`${winner.to}/${winner.id}`);
    if (!winner || better) winners.set(key, link);
  }
  return links.filter((link) => winners.get(`${link.to}/${link.input}`) === link);
}

function readLinks(
  list: readonly Json[],
  nodes: Doc['nodes'],
  slotName: SlotNames,
  repairs: string[],
): Map<string, Link> {
  const named = namedTargets(nodes);
  const links: Link[] = [];
  for (const saved of list) {
    const link = readLink(saved);
    const target = link ? nodes.get(link.to)?.body : undefined;
    if (!link || !target || !nodes.has(link.from)) {
      repairs.push('A link to a node that is not in the file was left out.');
      continue;
    }
    const input =
      named.get(`${link.to}/${link.id}`) ??
      target.inputs[link.slot]?.name ??
      slotName(target.type, link.slot);
    if (input === null) {
      repairs.push(`A link to an unknown input of node ${link.to} was left out.`);
      continue;
    }
    const { id, from, output, to, type } = link;
    links.push({ id, from, output, to, input, type, saved });
  }
  const kept = withoutDuplicates(links, named);
  if (kept.length < links.length) {
    repairs.push('An input had more than one link: the first was kept.');
  }
  return new Map(kept.map((link) => [link.id, link]));
}

function highest(ids: Iterable<string>): number {
  let most = 0;
  for (const id of ids) if (/^\d+$/.test(id)) most = Math.max(most, Number(id));
  return most;
}

/** Read the JSON of a workflow. Throws an Error with a sentence when it is none. */
export function readWorkflow(json: Json, slotName: SlotNames = () => null): Loaded {
  if (!isObject(json) || !isList(json.nodes)) {
    throw new Error('This is not a workflow: it has no list of nodes.');
  }
  const repairs: string[] = [];
  const nodes = new Map<NodeId, DocNode>();
  for (const value of json.nodes) {
    const saved = objectOf(value);
    const id = idOf(saved.id);
    if (id === null || nodes.has(id) || typeof saved.type !== 'string') {
      repairs.push(
        id !== null && nodes.has(id)
          ? `Two nodes had the number ${id}: the first was kept.`
          : 'A node without a number or a type was left out.',
      );
      continue;
    }
    nodes.set(id, readNode(saved, id));
  }
  const links = readLinks(listOf(json.links), nodes, slotName, repairs);
  const state = objectOf(json.state);
  const lastNode = numberOf(json.last_node_id ?? state.lastNodeId, 0);
  const lastLink = numberOf(json.last_link_id ?? state.lastLinkId, 0);
  const { nodes: _nodes, links: _links, ...saved } = json;
  return {
    doc: {
      nodes,
      links,
      lastNode: Math.max(lastNode, highest(nodes.keys())),
      lastLink: Math.max(lastLink, highest(links.keys())),
      saved,
    },
    repairs: [...new Set(repairs)],
  };
}
