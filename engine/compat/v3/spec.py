"""A V3 schema as a ``NodeSpec``."""

import inspect
from typing import Any, Literal

from engine.compat.hidden import UNIQUE_ID
from engine.compat.plain import plain
from engine.compat.v3.base import sections
from engine.compat.v3.growing import MatchType
from engine.compat.v3.schema import ComfyNode, Schema
from engine.graph.dynamic import DYNAMIC_TYPES
from engine.graph.sections import read_inputs
from engine.graph.spec import NodeSpec, OutputSpec


def spec_of(cls: type[ComfyNode], class_type: str | None = None) -> NodeSpec:
    """The spec of a class; ``class_type`` overrides its id. Raises what the class raises."""
    schema = cls.define_schema()
    schema.check()
    written = plain(sections(schema.inputs))
    inputs = read_inputs(written)
    words = schema.hidden_words()
    grows = any(item.type in DYNAMIC_TYPES for item in inputs)
    validates, validates_types = _validates(cls)
    return NodeSpec(
        class_type=class_type or schema.node_id,
        display_name=schema.display_name or class_type or schema.node_id,
        category=schema.category,
        inputs=inputs,
        outputs=_outputs(schema),
        description=schema.description,
        is_output=schema.is_output_node is True,
        lane="loop" if inspect.iscoroutinefunction(cls.execute) else "device",
        module=str(getattr(cls, "RELATIVE_PYTHON_MODULE", "nodes")),
        hidden=words,
        input_is_list=schema.is_input_list,
        not_idempotent=schema.not_idempotent or UNIQUE_ID in words.values(),
        # The names of growing inputs are not known beforehand.
        undeclared="all" if schema.accept_all_inputs or grows else "links",
        validates=validates,
        validates_types=validates_types,
        loop=_loop(schema),
        changing=True,
        info=_info(schema, written, words),
    )


def _outputs(schema: Schema) -> tuple[OutputSpec, ...]:
    return tuple(
        OutputSpec(
            one.get_io_type(), one.display_name or one.id or one.get_io_type(), one.is_output_list
        )
        for one in schema.outputs
    )


def _validates(cls: type[ComfyNode]) -> tuple[tuple[str, ...], bool]:
    check = getattr(cls, "validate_inputs", None)
    if check is None:
        return (), False
    parameters = inspect.signature(check).parameters
    everything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    named = tuple(
        name
        for name, p in parameters.items()
        if p.kind is not inspect.Parameter.VAR_POSITIONAL and name != "input_types"
    )
    return ("*",) if everything else named, "input_types" in parameters


def _loop(schema: Schema) -> Literal["", "start", "end"]:
    match schema.loop_boundary:
        case None | "":
            return ""
        case "start":
            return "start"
        case "end":
            return "end"
    raise ValueError(f"{schema.node_id}: loop_boundary is 'start' or 'end'.")


def _info(schema: Schema, written: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    """What clients read of the class beyond the rest of the spec: all keys, always."""
    hidden = {name: [word] for name, word in words.items()}
    shown = {**written, "hidden": hidden} if hidden else written
    return {
        "input": shown,
        "input_order": {section: list(items) for section, items in shown.items()},
        "output_tooltips": [one.tooltip for one in schema.outputs],
        "output_matchtypes": [
            one.template.template_id if isinstance(one, MatchType.Output) else None
            for one in schema.outputs
        ],
        "is_input_list": schema.is_input_list,
        "deprecated": schema.is_deprecated,
        "experimental": schema.is_experimental,
        "api_node": schema.is_api_node,
        "dev_only": schema.is_dev_only,
        "has_intermediate_output": schema.has_intermediate_output,
        "search_aliases": schema.search_aliases,
        "essentials_category": schema.essentials_category,
        "price_badge": plain(schema.price_badge),
    }
