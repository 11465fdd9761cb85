// Every change to a document that concerns links, and the answer to "may this be connected?".
// Nothing here draws; which sockets exist comes from shape.ts.

import type { Command } from './commands';
import { compatible, cycleClosedBy } from './compat';
import type { Catalogue } from './definitions';
import { type Doc, type Link, type LinkId, linkInto, type NodeId } from './document';
import { inputType, shapeOf, targetsOf } from './shape';

export interface OutputEnd {
  readonly node: NodeId;
  readonly output: number;
}

export interface InputEnd {
  readonly node: NodeId;
  readonly input: string;
}

export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: 'missing' | 'type' | 'cycle'; readonly nodes: NodeId[] };

function refused(why: 'missing' | 'type' | 'cycle', nodes: NodeId[] = []): Verdict {
  return { ok: false, why, nodes };
}

export function outputTypeOf(doc: Doc, catalogue: Catalogue, end: OutputEnd): string | null {
  const node = doc.nodes.get(end.node);
  if (!node) return null;
  return shapeOf(catalogue, node.body).outputs[end.output]?.type ?? null;
}

export function inputTypeOf(doc: Doc, catalogue: Catalogue, end: InputEnd): string | null {
  const node = doc.nodes.get(end.node);
  return node ? inputType(shapeOf(catalogue, node.body), end.input) : null;
}

export function mayConnect(doc: Doc, catalogue: Catalogue, from: OutputEnd, to: InputEnd): Verdict {
  const source = outputTypeOf(doc, catalogue, from);
  const target = inputTypeOf(doc, catalogue, to);
  if (source === null || target === null) return refused('missing');
  if (!compatible(source, target)) return refused('type');
  const cycle = cycleClosedBy(doc, from.node, to.node);
  return cycle ? refused('cycle', cycle) : { ok: true };
}

/** Connect; an input holds one link, so the one it had goes. */
export function connect(catalogue: Catalogue, from: OutputEnd, to: InputEnd): Command {
  return (doc) => {
    const old = linkInto(doc, to.node, to.input);
    if (old && old.from === from.node && old.output === from.output) return doc;
    const id = String(doc.lastLink + 1);
    const type = outputTypeOf(doc, catalogue, from) ?? '*';
    const links = new Map(doc.links);
    if (old) links.delete(old.id);
    const { node, output } = from;
    links.set(id, { id, from: node, output, to: to.node, input: to.input, type, saved: undefined });
    return { ...doc, links, lastLink: doc.lastLink + 1 };
  };
}

/** Move the target end of a link to another input. */
export function moveLink(catalogue: Catalogue, link: Link, to: InputEnd): Command {
  return (doc) => {
    if (link.to === to.node && link.input === to.input) return doc;
    const from = { node: link.from, output: link.output };
    return connect(catalogue, from, to)(removeLinks([link.id])(doc));
  };
}

export function removeLinks(ids: Iterable<LinkId>): Command {
  return (doc) => {
    const gone = [...ids].filter((id) => doc.links.has(id));
    if (gone.length === 0) return doc;
    const links = new Map(doc.links);
    for (const id of gone) links.delete(id);
    return { ...doc, links };
  };
}

/** The input of a node that a link from this output should go to: free ones first. */
export function bestInput(
  doc: Doc,
  catalogue: Catalogue,
  from: OutputEnd,
  node: NodeId,
): InputEnd | null {
  const body = doc.nodes.get(node)?.body;
  const type = outputTypeOf(doc, catalogue, from);
  if (!body || type === null) return null;
  const fitting = targetsOf(shapeOf(catalogue, body)).filter((target) =>
    compatible(type, target.type),
  );
  const free = fitting.find((target) => !linkInto(doc, node, target.name));
  const chosen = free ?? fitting[0];
  return chosen ? { node, input: chosen.name } : null;
}

/** The output of a node that fits this input best: the first compatible one. */
export function bestOutput(
  doc: Doc,
  catalogue: Catalogue,
  to: InputEnd,
  node: NodeId,
): OutputEnd | null {
  const body = doc.nodes.get(node)?.body;
  const type = inputTypeOf(doc, catalogue, to);
  if (!body || type === null) return null;
  const output = shapeOf(catalogue, body).outputs.findIndex((one) => compatible(one.type, type));
  return output < 0 ? null : { node, output };
}

/** Delete nodes and join what they linked where an input and an output have the same type. */
export function bridgeLinks(catalogue: Catalogue, node: NodeId): Command {
  return (doc) => {
    const body = doc.nodes.get(node)?.body;
    if (!body) return doc;
    const shape = shapeOf(catalogue, body);
    let next = doc;
    for (const link of [...doc.links.values()].filter((one) => one.from === node)) {
      const type = shape.outputs[link.output]?.type;
      const input = shape.inputs.find((one) => one.type === type);
      const feeding = input ? linkInto(doc, node, input.name) : undefined;
      if (!feeding) continue;
      const from = { node: feeding.from, output: feeding.output };
      next = connect(catalogue, from, { node: link.to, input: link.input })(next);
    }
    return next;
  };
}
