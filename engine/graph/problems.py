"""What can be wrong with a prompt: error objects in the shapes that clients know.

The type names are the interface; the sentences are for the person at the canvas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.graph.spec import InputSpec

_MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    type: str
    message: str
    details: str = ""
    extra_info: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "message": self.message,
            "details": self.details,
            "extra_info": dict(self.extra_info),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Problem":
        """The inverse of ``to_json``. Raises KeyError or TypeError on other data."""
        return Problem(data["type"], data["message"], data["details"], data["extra_info"])


def _config(spec: InputSpec, offered: tuple[Any, ...] | None = None) -> list[Any] | None:
    """The ``[type, options]`` pair that errors carry; None for a long combo."""
    if not spec.is_combo:
        return [spec.type, dict(spec.options)]
    listed = spec.choices if offered is None else offered
    if len(listed) > _MAX_LISTED:
        return None
    written_new = spec.unlisted or "options" in spec.options
    return ["COMBO" if written_new else list(listed), dict(spec.options)]


def required_input_missing(spec: InputSpec) -> Problem:
    return Problem(
        "required_input_missing",
        "Required input is missing",
        spec.name,
        {"input_name": spec.name},
    )


def bad_linked_input(spec: InputSpec, value: Any) -> Problem:
    return Problem(
        "bad_linked_input",
        "Bad linked input, must be a length-2 list of [node_id, slot_index]",
        spec.name,
        {"input_name": spec.name, "input_config": _config(spec), "received_value": value},
    )


def link_to_nowhere(spec: InputSpec, linked: list[Any], why: str) -> Problem:
    return Problem(
        "exception_during_inner_validation",
        "The linked output does not exist",
        f"{spec.name}: {why}",
        {
            "input_name": spec.name,
            "input_config": _config(spec),
            "linked_node": linked,
            "exception_type": "LinkError",
            "exception_message": why,
            "traceback": [],
        },
    )


def return_type_mismatch(spec: InputSpec, received: str, linked: list[Any]) -> Problem:
    return Problem(
        "return_type_mismatch",
        "Return type mismatch between linked nodes",
        f"{spec.name}, received_type({received}) mismatch input_type({spec.type})",
        {
            "input_name": spec.name,
            "input_config": _config(spec),
            "received_type": received,
            "linked_node": linked,
        },
    )


def invalid_input_type(spec: InputSpec, value: Any, why: str) -> Problem:
    return Problem(
        "invalid_input_type",
        f"Failed to convert an input value to a {spec.type} value",
        f"{spec.name}, {value}, {why}",
        {
            "input_name": spec.name,
            "input_config": _config(spec),
            "received_value": value,
            "exception_message": why,
        },
    )


def out_of_range(spec: InputSpec, value: float, limit: float, *, below: bool) -> Problem:
    relation, name = ("smaller", "min") if below else ("bigger", "max")
    return Problem(
        f"value_{relation}_than_{name}",
        f"Value {value} {relation} than {name} of {limit}",
        spec.name,
        {"input_name": spec.name, "input_config": _config(spec), "received_value": value},
    )


def value_not_in_list(spec: InputSpec, value: Any, offered: tuple[Any, ...]) -> Problem:
    listed = (
        f"(list of length {len(offered)})" if len(offered) > _MAX_LISTED else str(list(offered))
    )
    return Problem(
        "value_not_in_list",
        "Value not in list",
        f"{spec.name}: '{value}' not in {listed}",
        {"input_name": spec.name, "input_config": _config(spec, offered), "received_value": value},
    )


def custom_validation_failed(name: str, why: str) -> Problem:
    """``name``: the input that the node does not like, ``why``: its own words, perhaps none."""
    return Problem(
        "custom_validation_failed",
        "Custom validation failed for node",
        f"{name} - {why}" if why else name,
        {"input_name": name},
    )


def exception_during_validation(error: BaseException, lines: Iterable[str]) -> Problem:
    """A node's own check that raised; ``lines`` of its traceback."""
    return Problem(
        "exception_during_validation",
        "The node's own check of its inputs failed",
        f"{type(error).__name__}: {error}",
        {
            "exception_type": type(error).__qualname__,
            "exception_message": str(error),
            "traceback": list(lines),
        },
    )


def invalid_dynamic_input(spec: InputSpec, name: str) -> Problem:
    return Problem(
        "invalid_dynamic_input",
        "The node has no such input",
        f"{name}: '{spec.name}' takes no input of that name",
        {"input_name": name, "input_config": _config(spec)},
    )


def loop_error(kind: str, why: str, nodes: Iterable[str]) -> Problem:
    """``kind``: ``loop_escape`` and the like; ``nodes``: whom it is about."""
    return Problem(
        "custom_validation_failed",
        "Custom validation failed for node",
        why,
        {"loop_error_type": kind, "loop_nodes": list(nodes)},
    )


def dependency_cycle(loop: tuple[str, ...], classes: Mapping[str, str]) -> Problem:
    shown = [*loop, loop[0]]
    if len(shown) > _MAX_LISTED:
        shown = [*shown[:10], "...", *shown[-9:]]
    return Problem(
        "dependency_cycle",
        "Dependency cycle detected",
        " -> ".join(f"{i} ({classes[i]})" if i in classes else i for i in shown),
        {"node_id": loop[0], "cycle_nodes": list(loop)},
    )


def missing_node_type(missing: list[dict[str, Any]]) -> Problem:
    """``missing``: ``{node_id, class_type or None, node_title}`` of each; the first is shown."""
    first = missing[0]
    name = first["class_type"]
    message = (
        f"Node '{first['node_title']}' has no class_type."
        if name is None
        else f"Node '{first['node_title']}' is of type '{name}', which is not installed."
    )
    return Problem(
        "missing_node_type",
        message,
        f"Node ID '#{first['node_id']}'",
        {**first, "missing": missing[:100]},
    )
