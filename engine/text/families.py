"""What each family of models takes from its text networks: which layer, normed or not, pooled.

Source: the layer table of the prompt specification, section 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.text.tokenizer import END


@dataclass(frozen=True, slots=True)
class Taken:
    """What conditioning is made of.

    Attributes:
        layer: whose output it is, -1 the last, where nobody asks for another.
        norm: whether the final layer norm follows, whatever the layer.
    """

    layer: int
    norm: bool


# By the text networks that a model listens to, in the order of their channels: SD1, SD2, the SDXL
# refiner and SDXL. The last of them gives the pooled vector.
_FAMILIES: Mapping[tuple[str, ...], Taken] = {
    ("l",): Taken(layer=-1, norm=True),
    ("h",): Taken(layer=-2, norm=True),
    ("g",): Taken(layer=-2, norm=False),
    ("l", "g"): Taken(layer=-2, norm=False),
}
# What fills a chunk behind its end token.
PADDING: Mapping[str, int] = {"l": END, "h": 0, "g": 0}


def taken_from(kinds: Sequence[str]) -> Taken:
    """What a family takes from the networks it listens to.

    Raises:
        ValueError: no family listens to these together.
    """
    try:
        return _FAMILIES[tuple(kinds)]
    except KeyError:
        raise ValueError(
            f"No family of models listens to text encoders {', '.join(kinds)} together."
        ) from None
