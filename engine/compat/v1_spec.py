"""What a V1 class says of itself (``INPUT_TYPES``, ``RETURN_TYPES``, ...), as a ``NodeSpec``."""

import inspect
from collections.abc import Mapping
from typing import Any

from engine.compat.hidden import MAGIC, UNIQUE_ID
from engine.compat.plain import plain, type_name
from engine.graph.sections import read_inputs
from engine.graph.spec import NodeSpec, OutputSpec

SECTIONS = ("required", "optional", "hidden")
# Attribute of the class -> key in /object_info, where the class has it and it is true.
_FLAGS = {
    "DEPRECATED": "deprecated",
    "EXPERIMENTAL": "experimental",
    "API_NODE": "api_node",
    "DEV_ONLY": "dev_only",
    "HAS_INTERMEDIATE_OUTPUT": "has_intermediate_output",
}
_TEXTS = {
    "OUTPUT_TOOLTIPS": "output_tooltips",
    "SEARCH_ALIASES": "search_aliases",
    "ESSENTIALS_CATEGORY": "essentials_category",
}


def spec_of(class_type: str, cls: type, display_name: str | None = None) -> NodeSpec:
    """The spec of a class. Raises what the class raises, TypeError when it is no node class."""
    own = cls.INPUT_TYPES()  # type: ignore[attr-defined]
    if not isinstance(own, Mapping):
        raise TypeError(f"INPUT_TYPES of {class_type} must return a dictionary.")
    sections = {name: _section(name, own[name]) for name in SECTIONS if name in own}
    words = sections.get("hidden", {})
    hidden = {name: word for name, word in words.items() if isinstance(word, str)}
    outputs, further = _outputs(cls)
    validates, validates_types = _validates(cls)
    return NodeSpec(
        class_type=class_type,
        display_name=display_name or class_type,
        category=str(getattr(cls, "CATEGORY", "sd")),
        inputs=read_inputs(sections),
        outputs=outputs,
        description=str(getattr(cls, "DESCRIPTION", "") or ""),
        is_output=getattr(cls, "OUTPUT_NODE", False) is True,
        lane="loop" if inspect.iscoroutinefunction(_function(cls)) else "device",
        module=str(getattr(cls, "RELATIVE_PYTHON_MODULE", "nodes")),
        hidden=hidden,
        input_is_list=getattr(cls, "INPUT_IS_LIST", False) is True,
        not_idempotent=bool(getattr(cls, "NOT_IDEMPOTENT", False)) or UNIQUE_ID in hidden.values(),
        undeclared="all" if _accepts_more(own, words) else "links",
        validates=validates,
        validates_types=validates_types,
        further=further,
        changing=True,
        info=_info(cls, sections),
    )


def _function(cls: type) -> Any:
    return getattr(cls, str(getattr(cls, "FUNCTION", "")), None)


def _section(section: str, own: Any) -> dict[str, Any]:
    """One section as plain data; of a growing one, what it shows."""
    if section == "hidden":
        return {str(name): plain(word) for name, word in (own or {}).items()}
    return {str(name): _input(written) for name, written in (own or {}).items()}


def _input(written: Any) -> list[Any]:
    """``[type, options]``; packs forget the comma of ``("INT",)``."""
    if isinstance(written, str):
        return [type_name(written), {}]
    type_ = written[0]
    options = written[1] if len(written) > 1 and isinstance(written[1], Mapping) else {}
    choices = not isinstance(type_, str) and hasattr(type_, "__iter__")
    return [[plain(one) for one in type_] if choices else type_name(type_), plain(options)]


def _outputs(cls: type) -> tuple[tuple[OutputSpec, ...], OutputSpec | None]:
    own = getattr(cls, "RETURN_TYPES", ())
    types = (own,) if isinstance(own, str) else own
    names = getattr(cls, "RETURN_NAMES", None) or ()
    names = (names,) if isinstance(names, str) else names
    lists = getattr(cls, "OUTPUT_IS_LIST", None) or ()
    outputs = tuple(
        _output(
            type_,
            str(plain(names[slot])) if slot < len(names) else "",
            is_list=slot < len(lists) and bool(lists[slot]),
        )
        for slot, type_ in enumerate(types)
    )
    return outputs, _further(types)


def _output(type_: Any, name: str, *, is_list: bool) -> OutputSpec:
    if isinstance(type_, (list, tuple)):
        return OutputSpec("COMBO", name or "COMBO", is_list, tuple(plain(one) for one in type_))
    shown = type_name(type_)
    return OutputSpec(shown, name or shown, is_list)


def _further(types: Any) -> OutputSpec | None:
    """A tuple of one's own may have something at every index."""
    if type(types) in (tuple, list):
        return None
    try:
        return _output(types[len(types)], "", is_list=False)
    except (IndexError, KeyError, TypeError):
        return None


def _accepts_more(own: Mapping[str, Any], words: Mapping[str, Any]) -> bool:
    """Whether constants that are not declared may reach the class: see ``v1.accepts``."""
    tricks = any(type(own[name]) is not dict for name in SECTIONS if own.get(name) is not None)
    # Any hidden name takes what is submitted under it; the magic ones are filled in anyway.
    return tricks or any(not isinstance(w, str) or w not in MAGIC for w in words.values())


def _validates(cls: type) -> tuple[tuple[str, ...], bool]:
    check = getattr(cls, "VALIDATE_INPUTS", None)
    if check is None:
        return (), False
    parameters = inspect.signature(check).parameters
    everything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    named = tuple(
        name
        for name, p in parameters.items()
        if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and name != "input_types"
    )
    return ("*",) if everything else named, "input_types" in parameters


def _info(cls: type, sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What clients read of the class beyond the rest of the spec."""
    flags = {key: True for name, key in _FLAGS.items() if getattr(cls, name, False)}
    texts = {
        key: plain(getattr(cls, name))
        for name, key in _TEXTS.items()
        if getattr(cls, name, None) is not None
    }
    order = {section: list(items) for section, items in sections.items()}
    return {"input": dict(sections), "input_order": order, **flags, **texts}
