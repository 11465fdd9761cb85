"""Types of values: which output may be plugged into which input."""

from engine.graph.spec import InputSpec, OutputSpec

ANY = "*"
# Sockets that take the type of what is plugged into them; the client sees to it.
MATCHING = "COMFY_MATCHTYPE_V3"


def plugs(output: OutputSpec, item: InputSpec) -> bool:
    """Whether the value of ``output`` may flow into the input ``item``.

    An output that is a list of choices fits a COMBO that offers the same or leaves open what it
    offers; apart from that the types decide.
    """
    if output.choices and item.is_combo:
        return output.choices == item.choices or item.unlisted or "options" in item.options
    return compatible(output.type, item.type)


def compatible(output_type: str, input_type: str) -> bool:
    """Whether a value of ``output_type`` may flow into an input of ``input_type``.

    True when either is ``*`` or when the comma-separated sets of names share a member.
    """
    if output_type == input_type or not {output_type, input_type}.isdisjoint((ANY, MATCHING)):
        return True
    return not members(output_type).isdisjoint(members(input_type))


def members(type_name: str) -> frozenset[str]:
    """The names in a union such as ``"IMAGE,MASK"``."""
    return frozenset(part.strip() for part in type_name.split(","))
