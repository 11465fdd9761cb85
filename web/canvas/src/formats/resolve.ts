// Follows a link to the node output that feeds it, through reroutes and bypassed nodes
// (workflow formats 4.4). Subgraphs are not entered: the caller reports them.

import { compatible } from '../model/compat';
import type { Catalogue } from '../model/definitions';
import { BYPASSED, type Doc, linkInto, MUTED, type NodeId } from '../model/document';
import { inputType, type Shape, shapeOf, targetsOf } from '../model/shape';

export interface Source {
  readonly node: NodeId;
  readonly output: number;
}

function isWild(type: string): boolean {
  return type === '*' || type === '';
}

/** Which input a bypassed node passes on to its output; null when none fits. */
export function bypassInput(shape: Shape, output: number, wanted: string): string | null {
  const inputs = targetsOf(shape);
  const same = inputs[output];
  if (isWild(wanted)) return (same ?? inputs[0])?.name ?? null;
  const outputType = shape.outputs[output]?.type ?? '*';
  const fits = (type: string): boolean => compatible(type, outputType) && compatible(type, wanted);
  if (same && fits(same.type)) return same.name;
  const equal = inputs.find((input) => input.type === wanted);
  return (equal ?? inputs.find((input) => fits(input.type)))?.name ?? null;
}

/** The emitted node output behind an input, or null when nothing reaches it. */
export function resolveInput(
  doc: Doc,
  catalogue: Catalogue,
  node: NodeId,
  input: string,
): Source | null {
  const seen = new Set<string>();
  let at = { node, input };
  let wanted = typeAt(doc, catalogue, node, input);
  for (;;) {
    const key = `${at.node}/${at.input}`;
    const link = linkInto(doc, at.node, at.input);
    if (!link || seen.has(key)) return null;
    seen.add(key);
    const origin = doc.nodes.get(link.from);
    if (!origin || origin.body.mode === MUTED) return null;
    const shape = shapeOf(catalogue, origin.body);
    const virtual = shape.def?.virtual === true;
    if (origin.body.mode !== BYPASSED && !virtual) return { node: origin.id, output: link.output };
    const next = virtual
      ? shape.inputs[link.output]?.name
      : bypassInput(shape, link.output, wanted);
    if (next === undefined || next === null) return null;
    at = { node: origin.id, input: next };
    if (!virtual) wanted = inputType(shape, next) ?? '*';
  }
}

function typeAt(doc: Doc, catalogue: Catalogue, node: NodeId, input: string): string {
  const body = doc.nodes.get(node)?.body;
  return body ? (inputType(shapeOf(catalogue, body), input) ?? '*') : '*';
}
