"""Inputs as clients and packs write them: ``{"required": {name: [type, options]}, ...}``.

This is the form of ``/object_info``; here it is read into ``InputSpec``s.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.graph.spec import InputSpec


def read_inputs(sections: Mapping[str, Any]) -> tuple[InputSpec, ...]:
    """The inputs of the sections ``required`` and ``optional``, in their order.

    Raises:
        TypeError: an input that is not written as ``[type]`` or ``[type, options]``.
    """
    return tuple(_read_sections(sections))


def _read_sections(sections: Mapping[str, Any]) -> Iterator[InputSpec]:
    for section in ("required", "optional"):
        for name, written in (sections.get(section) or {}).items():
            yield _read_input(name, written, required=section == "required")


def _read_input(name: str, written: Any, *, required: bool) -> InputSpec:
    if not isinstance(written, (list, tuple)) or not written:
        raise TypeError(f"The input '{name}' must be written as (type,) or (type, options).")
    type_, options = written[0], written[1] if len(written) > 1 else {}
    if not isinstance(options, Mapping):
        raise TypeError(f"The options of the input '{name}' must be a dictionary.")
    if isinstance(type_, (list, tuple)):
        return InputSpec(name, "COMBO", required, options, tuple(type_))
    if not isinstance(type_, str):
        raise TypeError(f"The type of the input '{name}' must be a text or a list of choices.")
    if type_ != "COMBO":
        return InputSpec(name, type_, required, options)
    offered = options.get("options")
    if not isinstance(offered, (list, tuple)) or not options.keys().isdisjoint(_FETCHED):
        return InputSpec(name, "COMBO", required, options, unlisted=True)
    return InputSpec(name, "COMBO", required, options, tuple(offered))


# Options by which a client fetches the choices itself.
_FETCHED = ("remote", "remote_combo")
