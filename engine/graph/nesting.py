"""Values of dynamic inputs as a node's function takes them: flat names become dicts and lists."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine.graph import dynamic
from engine.graph.spec import InputSpec, NodeSpec

# From a value and the name under which it was submitted to what the function gets.
Leaf = Callable[[Any, str], Any]


def nested(
    spec: NodeSpec, values: Mapping[str, Any], leaf: Leaf = lambda value, _: value
) -> dict[str, Any]:
    """``{"images": {"image0": a}, "scale": 2}`` for ``{"images.image0": a, "scale": 2}``.

    A growing list gives a dict of its members, a choice or slot a dict of itself and what is below
    it, a group a list of rows in which a missing field is None. ``leaf`` makes the values inside
    these; names that belong to no input of the class are left out.
    """
    plain = {
        item.name: values[item.name]
        for item in spec.inputs
        if item.type not in dynamic.DYNAMIC_TYPES and item.name in values
    }
    grown = {
        item.name: _build(item, values, leaf)
        for item in spec.inputs
        if item.type in dynamic.DYNAMIC_TYPES
    }
    return {**plain, **_present(grown)}


_ABSENT = object()


def _present(built: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in built.items() if value is not _ABSENT}


def _build(item: InputSpec, values: Mapping[str, Any], leaf: Leaf) -> Any:
    """What ``item`` is; ``_ABSENT`` if nothing was submitted for it and nothing stands for that."""
    match item.type:
        case "COMFY_AUTOGROW_V3":
            return _autogrow(item, values, leaf)
        case "COMFY_DYNAMICCOMBO_V3":
            key = _plain(values.get(item.name))
            return _with_inner(item, dynamic.chosen(item, key) or (), values, leaf)
        case "COMFY_DYNAMICSLOT_V3":
            return _with_inner(item, dynamic.slot_inputs(item), values, leaf)
        case "COMFY_DYNAMICGROUP_V3":
            fields = dynamic.group_fields(item)
            rows = range(dynamic.group_rows(item, values))
            return [_row(item, row, fields, values, leaf) for row in rows]
        case _:
            return leaf(values[item.name], item.name) if item.name in values else _ABSENT


def _plain(value: Any) -> Any:
    """A chosen key, also when inputs come as lists."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _autogrow(item: InputSpec, values: Mapping[str, Any], leaf: Leaf) -> dict[str, Any]:
    template = dynamic.row_template(item)
    there = dynamic.begun(item, values)
    return _present(
        {
            name: _build(replace(template, name=f"{item.name}.{name}"), values, leaf)
            for name in dynamic.row_names(item)
            if name in there
        }
    )


def _with_inner(
    item: InputSpec, inner: Iterable[InputSpec], values: Mapping[str, Any], leaf: Leaf
) -> Any:
    if item.name not in values:
        return _ABSENT
    own = {item.name.rpartition(".")[2]: leaf(values[item.name], item.name)}
    below = {
        one.name: _build(replace(one, name=f"{item.name}.{one.name}"), values, leaf)
        for one in inner
    }
    return {**own, **_present(below)}


def _row(
    item: InputSpec,
    row: int,
    fields: tuple[InputSpec, ...],
    values: Mapping[str, Any],
    leaf: Leaf,
) -> dict[str, Any]:
    built = {
        one.name: _build(replace(one, name=f"{item.name}.{row}.{one.name}"), values, leaf)
        for one in fields
    }
    return {name: None if value is _ABSENT else value for name, value in built.items()}
