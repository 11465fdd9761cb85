// What the server says about node classes, in the form the canvas works with. The JSON of
// /object_info is read by formats/object-info.ts; classes only the canvas knows are in virtual.ts.

import type { Json } from './json';

export type ControlMode = 'fixed' | 'increment' | 'decrement' | 'randomize';
export const CONTROL_MODES: readonly ControlMode[] = [
  'fixed',
  'increment',
  'decrement',
  'randomize',
];

export interface NumberSpec {
  readonly kind: 'number';
  readonly whole: boolean;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Values are rounded to a multiple of this; null leaves them as typed. */
  readonly round: number | null;
  readonly slider: boolean;
  readonly default: Json;
}

export interface ComboSpec {
  readonly kind: 'combo';
  readonly options: readonly Json[];
  /** The input folder to upload pictures into, or null. */
  readonly upload: boolean;
  readonly default: Json;
}

export interface TextSpec {
  readonly kind: 'text';
  readonly multiline: boolean;
  readonly dynamicPrompts: boolean;
  readonly placeholder: string;
  readonly default: Json;
}

export interface ToggleSpec {
  readonly kind: 'toggle';
  readonly on: string;
  readonly off: string;
  readonly default: Json;
}

/** A widget this canvas has no field for: its value is shown and edited as JSON, never dropped. */
export interface JsonSpec {
  readonly kind: 'json';
  readonly default: Json;
}

/** What happens to the value above it after a run. Takes part in files, not in prompts. */
export interface ControlSpec {
  readonly kind: 'control';
  readonly of: string;
  readonly default: Json;
}

/** Extra entries of `widgets_values` with no field of their own (upload button, filter list). */
export interface ExtraSpec {
  readonly kind: 'extra';
  readonly default: Json;
}

export type WidgetSpec =
  | NumberSpec
  | ComboSpec
  | TextSpec
  | ToggleSpec
  | JsonSpec
  | ControlSpec
  | ExtraSpec;

export interface WidgetDef {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly tooltip: string;
  readonly spec: WidgetSpec;
  readonly socketless: boolean;
}

export interface InputDef {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly optional: boolean;
  readonly tooltip: string;
}

export interface OutputDef {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  readonly tooltip: string;
}

export interface NodeDef {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly category: string;
  readonly module: string;
  readonly aliases: readonly string[];
  readonly output: boolean;
  readonly deprecated: boolean;
  readonly experimental: boolean;
  /** Virtual nodes live in the canvas only and are never sent to the server. */
  readonly virtual: boolean;
  readonly inputs: readonly InputDef[];
  /** In the order of `widgets_values`, the extra entries included. */
  readonly widgets: readonly WidgetDef[];
  readonly outputs: readonly OutputDef[];
  /** `forceInput` sockets in declaration order, with the widgets around them: see values.ts. */
  readonly declared: readonly DeclaredEntry[];
}

/** One entry of the widget list as frontends before 1.16 saved it. */
export interface DeclaredEntry {
  readonly name: string;
  readonly forced: boolean;
  /** 1, or 2 when a control value follows it. */
  readonly entries: number;
}

export type Catalogue = ReadonlyMap<string, NodeDef>;
