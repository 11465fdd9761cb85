"""What this room needs to know of patches: which parameters they touch and how to add them.

The mathematics of LoRA files lives in ``engine/lora``, which implements ``Patcher``.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor

from engine.weights.configs import Config
from engine.weights.handles import LoraPatch, WeightsFile
from engine.weights.part import Part

# Called as add(live parameter name, entries in chain order, weight): changes the weight, which
# holds the pristine base in float32 and is contiguous, in place.
Add = Callable[[str, tuple[LoraPatch, ...], Tensor], None]


class Patcher(Protocol):
    """Applies patch files to the parameters of a network."""

    def touched(self, file: WeightsFile, part: Part[Config]) -> frozenset[str]:
        """Live names of the parameters of ``part`` that ``file`` changes."""
        ...

    def opened(
        self, files: Iterable[WeightsFile], part: Part[Config]
    ) -> AbstractContextManager[Add]:
        """Open ``files`` for adding to parameters of ``part``."""
        ...
