"""Inputs that grow or depend on a choice: which inputs a node has, given what was submitted.

A class declares one *dynamic* input; a prompt submits any number of inputs whose names begin with
its name and a dot. A growing list ``images`` takes ``images.image0``, ``images.image1``; a choice
``mode`` takes ``mode`` itself and the inputs that belong to what was chosen, ``mode.radius``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.graph.graph import Link
from engine.graph.sections import read_inputs
from engine.graph.spec import InputSpec, NodeSpec

AUTOGROW = "COMFY_AUTOGROW_V3"
CHOICE = "COMFY_DYNAMICCOMBO_V3"
SLOT = "COMFY_DYNAMICSLOT_V3"
GROUP = "COMFY_DYNAMICGROUP_V3"
DYNAMIC_TYPES = frozenset((AUTOGROW, CHOICE, SLOT, GROUP))

MAX_NAMES = 100
MAX_ROWS = 20

Given = Mapping[str, Any]


def declared(spec: NodeSpec, given: Given) -> tuple[InputSpec, ...]:
    """The inputs that a node of this class has when ``given`` was submitted for it."""
    if not is_dynamic(spec):
        return spec.inputs
    return tuple(found for item in spec.inputs for found in expanded(item, given))


def is_dynamic(spec: NodeSpec) -> bool:
    return any(item.type in DYNAMIC_TYPES for item in spec.inputs)


def strangers(spec: NodeSpec, given: Given) -> list[tuple[InputSpec, str]]:
    """Submitted names that a dynamic input has no place for, each with that input."""
    roots = [item for item in spec.inputs if item.type in DYNAMIC_TYPES]
    if not roots:
        return []
    known = {item.name for item in declared(spec, given)}
    return [
        (item, name)
        for item in roots
        for name in given
        if name not in known
        and (name == item.name or name.startswith(f"{item.name}."))
        and not _choice_is_wrong(item, given)
    ]


def expanded(item: InputSpec, given: Given) -> Iterator[InputSpec]:
    """``item`` itself, or what a dynamic input stands for."""
    match item.type:
        case "COMFY_AUTOGROW_V3":
            yield from _autogrow(item, given)
        case "COMFY_DYNAMICCOMBO_V3":
            yield from _choice(item, given)
        case "COMFY_DYNAMICSLOT_V3":
            yield from _slot(item, given)
        case "COMFY_DYNAMICGROUP_V3":
            yield from _group(item, given)
        case _:
            yield item


def row_names(item: InputSpec) -> list[str]:
    """The names that a growing list may use, without its own."""
    template = item.options.get("template", {})
    if "names" in template:
        return [str(name) for name in template["names"]][:MAX_NAMES]
    count = min(int(template.get("max", 10)), MAX_NAMES)
    return [f"{template.get('prefix', '')}{n}" for n in range(count)]


def begun(item: InputSpec, names: Iterable[str]) -> set[str]:
    """The members of a growing list that the submitted ``names`` speak of."""
    start = f"{item.name}."
    heads = {_head(name[len(start) :]) for name in names if name.startswith(start)}
    return {name for name in row_names(item) if _head(name) in heads}


def row_template(item: InputSpec) -> InputSpec:
    """What each member of a growing list is. Raises ValueError when the class does not say."""
    found = read_inputs(item.options.get("template", {}).get("input", {}))
    if not found:
        raise ValueError(f"The growing input '{item.name}' has no template.")
    return found[0]


def chosen(item: InputSpec, key: Any) -> tuple[InputSpec, ...] | None:
    """The inputs that belong to an option of a choice; None if there is no such option."""
    for option in item.options.get("options", ()):
        if option["key"] == key:
            return read_inputs(option.get("inputs", {}))
    return None


def slot_inputs(item: InputSpec) -> tuple[InputSpec, ...]:
    """What a dynamic slot takes besides once it is connected."""
    return read_inputs(item.options.get("inputs", {}))


def group_fields(item: InputSpec) -> tuple[InputSpec, ...]:
    """The fields of each row of a group."""
    return read_inputs(item.options.get("template", {}))


def group_rows(item: InputSpec, names: Iterable[str]) -> int:
    """How many rows of a group the submitted ``names`` speak of, at least its minimum."""
    start = f"{item.name}."
    rows = [name[len(start) :].partition(".")[0] for name in names if name.startswith(start)]
    limit = min(int(item.options.get("max", MAX_ROWS)), MAX_ROWS)
    # Compared as texts: "01" would be a second name for row 1.
    numbers = {str(n): n for n in range(limit)}
    used = max((numbers[row] + 1 for row in set(rows) & numbers.keys()), default=0)
    return max(used, min(int(item.options.get("min", 0)), limit))


def _autogrow(item: InputSpec, given: Given) -> Iterator[InputSpec]:
    template = row_template(item)
    start = f"{item.name}."
    # Only what is below: members may grow themselves.
    given = {name: value for name, value in given.items() if name.startswith(start)}
    needed = int(item.options.get("template", {}).get("min", 1)) if item.required or given else 0
    there = begun(item, given)
    for n, name in enumerate(row_names(item)):
        if n < needed or name in there:
            inner = replace(template, name=start + name, required=n < needed)
            yield from expanded(inner, given)


def _choice(item: InputSpec, given: Given) -> Iterator[InputSpec]:
    keys = tuple(option["key"] for option in item.options.get("options", ()))
    options = {**item.options, "options": list(keys)}
    yield InputSpec(item.name, "COMBO", item.required, options, keys)
    yield from _below(item, chosen(item, given.get(item.name)) or (), given)


def _slot(item: InputSpec, given: Given) -> Iterator[InputSpec]:
    options = {key: item.options[key] for key in ("lazy", "rawLink") if key in item.options}
    type_ = str(item.options.get("slotType", "*"))
    yield InputSpec(item.name, type_, item.required, options)
    if isinstance(given.get(item.name), Link):
        yield from _below(item, slot_inputs(item), given)


def _group(item: InputSpec, given: Given) -> Iterator[InputSpec]:
    needed = int(item.options.get("min", 0))
    fields = group_fields(item)
    for row in range(group_rows(item, given)):
        for inner in fields:
            name = f"{item.name}.{row}.{inner.name}"
            required = inner.required and row < needed
            yield from expanded(replace(inner, name=name, required=required), given)


def _below(item: InputSpec, inner: tuple[InputSpec, ...], given: Given) -> Iterator[InputSpec]:
    for one in inner:
        yield from expanded(replace(one, name=f"{item.name}.{one.name}"), given)


def _choice_is_wrong(item: InputSpec, given: Given) -> bool:
    """What was chosen is not on offer: that is said once, and not again for all below it."""
    return (
        item.type == CHOICE
        and item.name in given
        and not isinstance(given[item.name], Link)
        and chosen(item, given[item.name]) is None
    )


def _head(name: str) -> str:
    return name.partition(".")[0]
