// Turns a document into the API prompt that the server runs (workflow formats 4). Virtual, muted and
// bypassed nodes vanish here; what cannot be sent is said in `unsupported`.

import type { Catalogue } from '../model/definitions';
import {
  BYPASSED,
  type Doc,
  type DocNode,
  linksOutOf,
  MUTED,
  type NodeId,
} from '../model/document';
import { isList, isObject, type Json, type JsonObject, listOf, textOf } from '../model/json';
import { shapeOf, targetsOf } from '../model/shape';
import { resolveInput } from './resolve';
import { expandPrefix, expandPrompt } from './texts';

export interface PromptNode {
  readonly class_type: string;
  readonly inputs: JsonObject;
  readonly _meta: { readonly title: string };
}

export interface Converted {
  readonly prompt: Readonly<Record<NodeId, PromptNode>>;
  /** Subgraph instances that would run: they are not flattened yet. */
  readonly unsupported: readonly NodeId[];
}

export interface ConvertOptions {
  readonly random?: () => number;
  readonly now?: Date;
}

type Primitives = ReadonlyMap<string, Json>;

/** `node/input` -> value, from every PrimitiveNode to the widgets it is linked to directly. */
function primitiveValues(doc: Doc): Primitives {
  const values = new Map<string, Json>();
  for (const node of doc.nodes.values()) {
    if (node.body.type !== 'PrimitiveNode') continue;
    const value = listOf(node.body.values)[0];
    if (value === undefined) continue;
    for (const link of linksOutOf(doc, node.id, 0)) values.set(`${link.to}/${link.input}`, value);
  }
  return values;
}

/** Ids of the subgraph definitions in the file. */
export function subgraphs(doc: Doc): ReadonlyMap<string, JsonObject> {
  const definitions = doc.saved.definitions;
  const list = isObject(definitions) ? listOf(definitions.subgraphs) : [];
  return new Map(
    list.filter(isObject).map((one) => [typeof one.id === 'string' ? one.id : '', one]),
  );
}

/** The name of the subgraph that a node of this class is an instance of, or null. */
export function subgraphName(doc: Doc, type: string): string | null {
  const definition = subgraphs(doc).get(type);
  return definition ? textOf(definition.name, type) : null;
}

function isEmitted(node: DocNode, catalogue: Catalogue): boolean {
  if (node.body.mode === MUTED || node.body.mode === BYPASSED) return false;
  return shapeOf(catalogue, node.body).def?.virtual !== true;
}

export function toPrompt(doc: Doc, catalogue: Catalogue, options: ConvertOptions = {}): Converted {
  const primitives = primitiveValues(doc);
  const inner = subgraphs(doc);
  const prompt: Record<NodeId, PromptNode> = {};
  const unsupported: NodeId[] = [];
  for (const node of doc.nodes.values()) {
    if (!isEmitted(node, catalogue)) continue;
    if (inner.has(node.body.type)) {
      unsupported.push(node.id);
      continue;
    }
    const inputs: Record<string, Json> = constants(doc, catalogue, node, primitives, options);
    const shape = shapeOf(catalogue, node.body);
    for (const target of targetsOf(shape)) {
      const source = resolveInput(doc, catalogue, node.id, target.name);
      const origin = source ? doc.nodes.get(source.node) : undefined;
      if (!source || !origin || !isEmitted(origin, catalogue)) continue;
      inputs[target.name] = [source.node, source.output];
    }
    prompt[node.id] = { class_type: node.body.type, inputs, _meta: { title: shape.title } };
  }
  return { prompt, unsupported };
}

function constants(
  doc: Doc,
  catalogue: Catalogue,
  node: DocNode,
  primitives: Primitives,
  options: ConvertOptions,
): Record<string, Json> {
  const inputs: Record<string, Json> = {};
  const { fields, def } = shapeOf(catalogue, node.body);
  for (const field of fields) {
    const { name, spec } = field.def;
    let value = primitives.get(`${node.id}/${name}`) ?? field.value;
    if (typeof value === 'string' && spec.kind === 'text') {
      if (spec.dynamicPrompts) value = expandPrompt(value, options.random);
      if (name === 'filename_prefix' && def?.output) {
        value = expandPrefix(value, doc, catalogue, options.now ?? new Date());
      }
    }
    inputs[name] = isList(value) ? { __value__: value } : value;
  }
  return inputs;
}
