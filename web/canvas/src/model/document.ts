// The open workflow as one immutable value: nodes, links, and every key it was loaded with.
// No catalogue and no view in here: widget values stay as they were saved and are given meaning
// by values.ts. Changes are made by commands.ts, files are read and written by formats/.

import type { Json, JsonObject } from './json';

export type NodeId = string;
export type LinkId = string;
export type Point = readonly [x: number, y: number];

/** One saved input or output of a node; `saved` holds the keys of the file. */
export interface Slot {
  readonly name: string;
  readonly type: string;
  readonly saved: JsonObject;
}

/** What a node is. Kept apart from where it is, so that moving a node re-renders nothing in it. */
export interface NodeBody {
  readonly type: string;
  readonly title: string | null;
  readonly mode: Mode;
  readonly collapsed: boolean;
  /** `widgets_values` as saved: a list by position, an object by name, or absent. */
  readonly values: Json | undefined;
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  readonly saved: JsonObject;
}

export interface DocNode {
  readonly id: NodeId;
  /** Top-left of the body, below the header. */
  readonly pos: Point;
  readonly size: Point;
  readonly body: NodeBody;
}

/** The values of `mode` in files. 1 and 3 (event, trigger) run like 0. */
export type Mode = number;
export const ALWAYS = 0;
export const MUTED = 2;
export const BYPASSED = 4;

export interface Link {
  readonly id: LinkId;
  readonly from: NodeId;
  /** Index of the output. */
  readonly output: number;
  readonly to: NodeId;
  /** Name of the input: slots move when definitions change, names do not. */
  readonly input: string;
  readonly type: string;
  readonly saved: Json | undefined;
}

export interface Doc {
  /** In drawing and creation order. */
  readonly nodes: ReadonlyMap<NodeId, DocNode>;
  readonly links: ReadonlyMap<LinkId, Link>;
  readonly lastNode: number;
  readonly lastLink: number;
  /** Top-level keys of the file except nodes and links. */
  readonly saved: JsonObject;
}

export const EMPTY: Doc = {
  nodes: new Map(),
  links: new Map(),
  lastNode: 0,
  lastLink: 0,
  saved: { groups: [], config: {}, extra: {}, version: 0.4 },
};

export interface LinkIndex {
  /** node -> input name -> link */
  readonly into: ReadonlyMap<NodeId, ReadonlyMap<string, Link>>;
  readonly outOf: ReadonlyMap<NodeId, readonly Link[]>;
}

const indexes = new WeakMap<Doc['links'], LinkIndex>();

/** Links by node, computed once per link table. */
export function linkIndex(doc: Doc): LinkIndex {
  const known = indexes.get(doc.links);
  if (known) return known;
  const into = new Map<NodeId, Map<string, Link>>();
  const outOf = new Map<NodeId, Link[]>();
  for (const link of doc.links.values()) {
    const inputs = into.get(link.to) ?? new Map<string, Link>();
    if (!inputs.has(link.input)) inputs.set(link.input, link);
    into.set(link.to, inputs);
    const outputs = outOf.get(link.from);
    if (outputs) outputs.push(link);
    else outOf.set(link.from, [link]);
  }
  const index = { into, outOf };
  indexes.set(doc.links, index);
  return index;
}

export function linkInto(doc: Doc, node: NodeId, input: string): Link | undefined {
  return linkIndex(doc).into.get(node)?.get(input);
}

export function linksOutOf(doc: Doc, node: NodeId, output: number): readonly Link[] {
  return (linkIndex(doc).outOf.get(node) ?? []).filter((link) => link.output === output);
}
