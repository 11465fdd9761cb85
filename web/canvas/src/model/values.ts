// The meaning of `widgets_values`: position or name -> widget (workflow formats 3.1, 3.2), with the
// two repairs for old files. Values are neither clamped nor converted: the server judges them.

import type { NodeDef, WidgetDef } from './definitions';
import type { NodeBody } from './document';
import { isList, isObject, type Json, type JsonList } from './json';

const SAMPLERS_WITH_OLD_NAMES = new Set(['KSampler', 'KSamplerAdvanced']);

/** The list without the dummies that old frontends saved for `forceInput` sockets. */
function withoutDummies(def: NodeDef, list: JsonList): JsonList {
  if (!def.declared.some((entry) => entry.forced)) return list;
  const forced = def.declared.flatMap((entry) =>
    Array.from({ length: entry.entries }, () => entry.forced),
  );
  return forced.length === list.length ? list.filter((_, i) => !forced[i]) : list;
}

function repaired(def: NodeDef, widget: WidgetDef, value: Json): Json {
  const { spec } = widget;
  if (spec.kind === 'combo' && value === null) return spec.options[0] ?? null;
  if (!SAMPLERS_WITH_OLD_NAMES.has(def.type)) return value;
  if (spec.kind === 'control' && typeof value === 'boolean') return value ? 'randomize' : 'fixed';
  if (widget.name === 'sampler_name' && typeof value === 'string') {
    return value.replace(/^sample_/, '');
  }
  return value;
}

/** The value of every widget of the definition, extra entries included, in their order. */
export function readValues(def: NodeDef, body: NodeBody): Json[] {
  const saved = body.values;
  const named = isObject(saved) ? saved : body.saved.widgets_values_named;
  if (isList(saved)) {
    const list = withoutDummies(def, saved);
    return def.widgets.map((widget, i) => {
      const value = list[i];
      return value === undefined ? widget.spec.default : repaired(def, widget, value);
    });
  }
  const byName = isObject(named) ? named : {};
  return def.widgets.map((widget) => {
    const value = byName[widget.name];
    return value === undefined ? widget.spec.default : repaired(def, widget, value);
  });
}

/** The body with some widgets set, `changes` by position in `def.widgets`. */
export function writeValues(
  def: NodeDef,
  body: NodeBody,
  changes: ReadonlyMap<number, Json>,
): NodeBody {
  const saved = withNamed(def, body.saved, changes);
  if (isObject(body.values)) {
    const values: Record<string, Json | undefined> = { ...body.values };
    for (const [i, value] of changes) values[def.widgets[i]?.name ?? ''] = value;
    return { ...body, values, saved };
  }
  const read = readValues(def, body).map((value, i) =>
    changes.has(i) ? (changes.get(i) ?? null) : value,
  );
  const list = isList(body.values) ? withoutDummies(def, body.values) : [];
  return { ...body, values: [...read, ...list.slice(read.length)], saved };
}

/** Newer files repeat the values by name: both copies must say the same. */
function withNamed(
  def: NodeDef,
  saved: NodeBody['saved'],
  changes: ReadonlyMap<number, Json>,
): NodeBody['saved'] {
  const named = saved.widgets_values_named;
  if (!isObject(named)) return saved;
  const next: Record<string, Json | undefined> = { ...named };
  for (const [i, value] of changes) next[def.widgets[i]?.name ?? ''] = value;
  return { ...saved, widgets_values_named: next };
}
