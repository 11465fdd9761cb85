// Reads /object_info into definitions (workflow formats 3.1): which inputs are widgets, of what kind,
// and which extra entries they bring into `widgets_values`. A class that makes no sense is left out.

import type {
  Catalogue,
  DeclaredEntry,
  InputDef,
  NodeDef,
  WidgetDef,
  WidgetSpec,
} from '../model/definitions';
import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
  textOf,
} from '../model/json';

const UPLOADS = ['image_upload', 'video_upload', 'animated_image_upload'];

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly options: JsonObject;
  readonly choices: readonly Json[];
  readonly optional: boolean;
}

export function readObjectInfo(json: Json): Catalogue {
  const catalogue = new Map<string, NodeDef>();
  for (const [type, info] of Object.entries(objectOf(json))) {
    if (isObject(info) && isObject(info.input)) catalogue.set(type, readDefinition(type, info));
  }
  return catalogue;
}

function readDefinition(type: string, info: JsonObject): NodeDef {
  const declared = declaredInputs(info);
  const title = textOf(info.display_name) || type;
  return {
    type,
    title,
    description: textOf(info.description),
    category: textOf(info.category, 'sd'),
    module: textOf(info.python_module),
    aliases: listOf(info.search_aliases).map((alias) => textOf(alias)),
    output: info.output_node === true,
    deprecated: info.deprecated === true,
    experimental: info.experimental === true,
    virtual: false,
    inputs: declared.filter((input) => !isWidget(input)).map(socketDef),
    widgets: widgetDefs(declared),
    outputs: outputDefs(info),
    declared: declared.filter((input) => isValueType(input)).map(declaredEntry),
  };
}

function declaredInputs(info: JsonObject): Declared[] {
  const input = objectOf(info.input);
  const order = objectOf(info.input_order);
  return (['required', 'optional'] as const).flatMap((section) => {
    const specs = objectOf(input[section]);
    const named = listOf(order[section]).map((name) => textOf(name));
    const names = [...new Set([...named, ...Object.keys(specs)])].filter((name) => name in specs);
    return names.map((name) => declaredInput(name, specs[name], section === 'optional'));
  });
}

function declaredInput(name: string, spec: Json | undefined, optional: boolean): Declared {
  const [head, second] = isList(spec) ? spec : [spec];
  const options = objectOf(second);
  if (isList(head)) return { name, type: 'COMBO', options, choices: head, optional };
  const type = textOf(options.widgetType) || textOf(head, '*');
  return { name, type, options, choices: listOf(options.options), optional };
}

const VALUE_TYPES = new Set(['INT', 'FLOAT', 'BOOLEAN', 'STRING', 'COMBO', 'COLOR']);

function isValueType(input: Declared): boolean {
  return VALUE_TYPES.has(input.type) || typeof input.options.widgetType === 'string';
}

function isWidget(input: Declared): boolean {
  return isValueType(input) && input.options.forceInput !== true;
}

function socketDef(input: Declared): InputDef {
  return {
    name: input.name,
    label: textOf(input.options.display_name) || input.name,
    type: input.type,
    optional: input.optional,
    tooltip: textOf(input.options.tooltip),
  };
}

function outputDefs(info: JsonObject): NodeDef['outputs'] {
  const names = listOf(info.output_name);
  const lists = listOf(info.output_is_list);
  const tips = listOf(info.output_tooltips);
  return listOf(info.output).map((type, i) => {
    const known = isList(type) ? 'COMBO' : textOf(type, '*');
    const name = textOf(names[i]) || known;
    return { name, type: known, list: lists[i] === true, tooltip: textOf(tips[i]) };
  });
}

function hasControl(input: Declared): boolean {
  const wish = input.options.control_after_generate;
  if (wish === undefined || wish === null) {
    return input.type === 'INT' && (input.name === 'seed' || input.name === 'noise_seed');
  }
  return wish !== false;
}

function declaredEntry(input: Declared): DeclaredEntry {
  const forced = input.options.forceInput === true;
  return { name: input.name, forced, entries: input.options.control_after_generate ? 2 : 1 };
}

function widgetDefs(declared: readonly Declared[]): WidgetDef[] {
  const widgets = declared.filter(isWidget).flatMap((input) => {
    const own: WidgetDef = {
      name: input.name,
      label: textOf(input.options.display_name) || input.name,
      type: input.type,
      tooltip: textOf(input.options.tooltip),
      spec: specOf(input),
      socketless: input.options.socketless === true,
    };
    return [own, ...companions(input)];
  });
  const upload = declared.some(
    (input) => !input.optional && UPLOADS.some((key) => input.options[key] === true),
  );
  return upload ? [...widgets, extra('upload', { kind: 'extra', default: 'image' })] : widgets;
}

function extra(name: string, spec: WidgetSpec): WidgetDef {
  return { name, label: name, type: 'COMBO', tooltip: '', spec, socketless: true };
}

/** Entries that follow a widget in the saved list without being part of the prompt. */
function companions(input: Declared): WidgetDef[] {
  if (input.type === 'STRING' || input.type === 'BOOLEAN' || !hasControl(input)) return [];
  const wish = input.options.control_after_generate;
  const control = extra('control_after_generate', {
    kind: 'control',
    of: input.name,
    default: typeof wish === 'string' ? wish : 'randomize',
  });
  if (input.type !== 'COMBO') return [control];
  return [control, extra('control_filter_list', { kind: 'extra', default: '' })];
}

function specOf(input: Declared): WidgetSpec {
  switch (input.type) {
    case 'INT':
    case 'FLOAT':
      return numberSpec(input, input.type === 'INT');
    case 'BOOLEAN':
      return {
        kind: 'toggle',
        on: textOf(input.options.label_on),
        off: textOf(input.options.label_off),
        default: input.options.default ?? false,
      };
    case 'STRING':
      return {
        kind: 'text',
        multiline: input.options.multiline === true,
        dynamicPrompts: input.options.dynamicPrompts === true,
        placeholder: textOf(input.options.placeholder),
        default: input.options.default ?? '',
      };
    case 'COMBO':
      return {
        kind: 'combo',
        options: input.choices,
        upload: UPLOADS.some((key) => input.options[key] === true),
        default: input.options.default ?? input.choices[0] ?? null,
      };
    default:
      return { kind: 'json', default: input.options.default ?? null };
  }
}

function numberSpec(input: Declared, whole: boolean): WidgetSpec {
  const { options } = input;
  const step = numberOf(options.step, whole ? 1 : 0.5);
  const round = options.round === false ? null : numberOf(options.round, whole ? 1 : step);
  const min = numberOf(options.min, 0);
  const max = numberOf(options.max, 2048);
  const bar = options.display === 'slider' || (!whole && /strength/.test(input.name));
  return {
    kind: 'number',
    whole,
    min,
    max,
    step: step > 0 ? step : 1,
    round: round && round > 0 ? round : null,
    slider: bar && min < max,
    default: options.default ?? 0,
  };
}
