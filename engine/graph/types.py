"""Socket types: which output may be plugged into which input. Widgets are `spec.py`'s business."""

ANY = "*"
WIDGET_TYPES = frozenset(("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"))


def compatible(output_type: str, input_type: str) -> bool:
    """Whether a value of ``output_type`` may flow into an input of ``input_type``.

    True when either is ``*`` or when the comma-separated sets of names share a member.
    """
    if output_type == input_type or ANY in (output_type, input_type):
        return True
    return not members(output_type).isdisjoint(members(input_type))


def members(type_name: str) -> frozenset[str]:
    """The names in a union such as ``"IMAGE,MASK"``."""
    return frozenset(part.strip() for part in type_name.split(","))
