// One node as it is drawn and run: its definition joined with what the file says about it.
// Sockets are matched by name (workflow formats 4.1); where things are drawn is in geometry.ts.

import type { Catalogue, ControlSpec, NodeDef, WidgetDef } from './definitions';
import type { NodeBody, Slot } from './document';
import { type Json, listOf, textOf } from './json';
import { readValues } from './values';
import { primitiveDef, VIRTUAL } from './virtual';

export interface Socket {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly optional: boolean;
  readonly list: boolean;
  readonly tooltip: string;
}

export interface Field {
  /** Position in `def.widgets`, the address for writing. */
  readonly index: number;
  readonly def: WidgetDef;
  readonly label: string;
  readonly value: Json;
  /** The control widget that follows it, drawn as an icon in the same row. */
  readonly control: { readonly index: number; readonly value: Json } | null;
}

export interface Shape {
  /** null: this server has no such node class. */
  readonly def: NodeDef | null;
  readonly title: string;
  /** Plain sockets; inputs that the definition does not know come last. */
  readonly inputs: readonly Socket[];
  readonly outputs: readonly Socket[];
  /** Drawn widgets, in order. */
  readonly fields: readonly Field[];
  /** How many one-line widgets there are, control widgets included. */
  readonly lines: number;
}

export function definitionOf(catalogue: Catalogue, body: NodeBody): NodeDef | null {
  if (body.type === 'PrimitiveNode') return primitiveDef(body);
  return VIRTUAL.get(body.type) ?? catalogue.get(body.type) ?? null;
}

const shapes = new WeakMap<NodeBody, Shape>();

/** The shape of a node, computed once per body and definition. */
export function shapeOf(catalogue: Catalogue, body: NodeBody): Shape {
  const known = shapes.get(body);
  if (known) {
    const current = VIRTUAL.get(body.type) ?? catalogue.get(body.type) ?? null;
    if (known.def === current || body.type === 'PrimitiveNode') return known;
  }
  const def = definitionOf(catalogue, body);
  const shape = def ? definedShape(def, body) : undefinedShape(body);
  shapes.set(body, shape);
  return shape;
}

function labelOf(slot: Slot | undefined, otherwise: string): string {
  if (!slot) return otherwise;
  return textOf(slot.saved.label) || otherwise;
}

function socketFromSlot(slot: Slot, output: boolean): Socket {
  return {
    name: slot.name,
    label: labelOf(slot, textOf(slot.saved.localized_name) || slot.name),
    type: slot.type,
    optional: !output && slot.saved.shape === 7,
    list: output && slot.saved.shape === 6,
    tooltip: '',
  };
}

function undefinedShape(body: NodeBody): Shape {
  return {
    def: null,
    title: body.title ?? body.type,
    inputs: body.inputs.map((slot) => socketFromSlot(slot, false)),
    outputs: body.outputs.map((slot) => socketFromSlot(slot, true)),
    fields: [],
    lines: 0,
  };
}

function definedShape(def: NodeDef, body: NodeBody): Shape {
  const saved = new Map(body.inputs.map((slot) => [slot.name, slot]));
  const declared = new Set([...def.inputs, ...def.widgets].map((input) => input.name));
  const inputs = def.inputs.map((input) => ({
    ...input,
    label: labelOf(saved.get(input.name), input.label),
    list: false,
  }));
  const unknown = body.inputs.filter((slot) => !declared.has(slot.name));
  return {
    def,
    title: body.title ?? def.title,
    inputs: [...inputs, ...unknown.map((slot) => socketFromSlot(slot, false))],
    outputs: outputsOf(def, body),
    fields: fieldsOf(def, body, saved),
    lines: def.widgets.filter((widget) => isLine(widget)).length,
  };
}

function outputsOf(def: NodeDef, body: NodeBody): Socket[] {
  const declared = def.outputs.map((output, i) => ({
    name: output.name,
    label: labelOf(body.outputs[i], output.name),
    type: output.type,
    optional: false,
    list: output.list,
    tooltip: output.tooltip,
  }));
  const more = body.outputs.slice(declared.length).map((slot) => socketFromSlot(slot, true));
  return [...declared, ...more];
}

function fieldsOf(def: NodeDef, body: NodeBody, saved: ReadonlyMap<string, Slot>): Field[] {
  const values = readValues(def, body);
  const controls = new Map<string, { index: number; value: Json }>();
  def.widgets.forEach((widget, index) => {
    if (widget.spec.kind !== 'control') return;
    controls.set((widget.spec as ControlSpec).of, { index, value: values[index] ?? null });
  });
  return def.widgets.flatMap((widget, index) => {
    if (widget.spec.kind === 'control' || widget.spec.kind === 'extra') return [];
    const label = labelOf(saved.get(widget.name), widget.label);
    const control = controls.get(widget.name) ?? null;
    return [{ index, def: widget, label, value: values[index] ?? null, control }];
  });
}

/** Tall widgets share the rest of the node's height; all others are one line of 22 px. */
export function isLine(widget: WidgetDef): boolean {
  return !(widget.spec.kind === 'text' && widget.spec.multiline);
}

/** True for the widget whose picture is shown in the node (image upload). */
export function uploadField(shape: Shape): Field | undefined {
  return shape.fields.find((field) => field.def.spec.kind === 'combo' && field.def.spec.upload);
}

/** The declared type of an input of any kind, or null when the node has none of that name. */
export function inputType(shape: Shape, name: string): string | null {
  const socket = shape.inputs.find((input) => input.name === name);
  if (socket) return socket.type;
  const field = shape.fields.find((one) => one.def.name === name && !one.def.socketless);
  return field ? field.def.type : null;
}

/** Names and types of everything a link may end at, sockets before widget sockets. */
export function targetsOf(shape: Shape): readonly { name: string; type: string }[] {
  return [
    ...shape.inputs.map(({ name, type }) => ({ name, type })),
    ...shape.fields
      .filter((field) => !field.def.socketless)
      .map((field) => ({ name: field.def.name, type: field.def.type })),
  ];
}

/** How many entries the saved value list of an unknown node has; shown so that nothing looks lost. */
export function keptValues(body: NodeBody): number {
  return listOf(body.values).length;
}

/** What an input of a node is, or null when the node has none of that name. */
export function inputKind(
  catalogue: Catalogue,
  body: NodeBody,
  name: string,
): { readonly type: string; readonly widget: boolean } | null {
  const shape = shapeOf(catalogue, body);
  const type = inputType(shape, name);
  if (type === null) return null;
  return { type, widget: shape.fields.some((field) => field.def.name === name) };
}
