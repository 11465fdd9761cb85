// Node classes that exist only in the canvas: notes, legacy reroutes and primitives. They carry
// text, wires and values; formats/prompt.ts makes them vanish from what the server gets.

import type { WidgetDef, WidgetSpec } from './definitions';
import { CONTROL_MODES, type NodeDef } from './definitions';
import type { NodeBody } from './document';
import { isList, type Json, listOf } from './json';

function virtual(type: string, title: string, part: Partial<NodeDef>): NodeDef {
  return {
    type,
    title,
    description: '',
    category: 'utils',
    module: 'canvas',
    aliases: [],
    output: false,
    deprecated: false,
    experimental: false,
    virtual: true,
    inputs: [],
    widgets: [],
    outputs: [],
    declared: [],
    ...part,
  };
}

function widget(name: string, type: string, spec: WidgetSpec): WidgetDef {
  return { name, label: name, type, tooltip: '', spec, socketless: true };
}

const noteText = widget('text', 'STRING', {
  kind: 'text',
  multiline: true,
  dynamicPrompts: false,
  placeholder: '',
  default: '',
});

const wire = { name: '', label: '', type: '*', optional: true, tooltip: '' };

export const VIRTUAL: ReadonlyMap<string, NodeDef> = new Map(
  [
    virtual('Note', 'Note', { widgets: [noteText] }),
    virtual('MarkdownNote', 'Markdown Note', { widgets: [noteText] }),
    virtual('Reroute', 'Reroute', {
      inputs: [wire],
      outputs: [{ name: '', type: '*', list: false, tooltip: '' }],
    }),
  ].map((def) => [def.type, def]),
);

function specOf(value: Json | undefined): WidgetSpec {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    const step = whole ? 1 : 0.01;
    return {
      kind: 'number',
      whole,
      min: Number.NEGATIVE_INFINITY,
      max: Number.POSITIVE_INFINITY,
      step,
      round: null,
      slider: false,
      default: 0,
    };
  }
  if (typeof value === 'boolean') return { kind: 'toggle', on: '', off: '', default: false };
  if (typeof value === 'string') {
    return {
      kind: 'text',
      multiline: false,
      dynamicPrompts: false,
      placeholder: '',
      default: '',
    };
  }
  return { kind: 'json', default: null };
}

/** A PrimitiveNode has no definition: its widget follows the value that it holds. */
export function primitiveDef(body: NodeBody): NodeDef {
  const values = isList(body.values) ? body.values : [];
  const output = body.outputs[0];
  const type = output?.type ?? '*';
  const widgets = [widget('value', type, specOf(values[0]))];
  if (CONTROL_MODES.some((mode) => mode === listOf(body.values)[1])) {
    widgets.push(
      widget('control_after_generate', 'COMBO', {
        kind: 'control',
        of: 'value',
        default: 'fixed',
      }),
    );
  }
  return virtual('PrimitiveNode', 'Primitive', {
    widgets,
    outputs: [{ name: output?.name ?? 'value', type, list: false, tooltip: '' }],
  });
}
