"""What one call of the model is given beside x, sigma and the context.

`Inputs` travels from guidance, which makes it out of conditioning entries and model options,
through `Predict` to the network; `NetworkPredict` (`model.py`) hands its parts to the network as
plain keyword arguments of the same names. Every part is optional: a network that gets one it has
no use for (an ADM vector where it has no label embedding) ignores it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.weights.sites import NO_PATCHES, Call, Patches

# Lists "input", "middle" and "output" of tensors [B, C, h, w] to add inside the network, or None
# where nothing is added. Each list is used from its end: the last of "output" is added to the first
# skip tensor that is joined (that of output block 0), the last of "middle" after the middle block,
# the last of "input" after input block 0, before it is kept as a skip tensor, and so on. A list may
# be shorter than there are places, and a name may be missing.
Control = Mapping[str, Sequence[Tensor | None]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything beside x [B, C, h, w], sigma [B] and context [B, T, D] of one call.

    Attributes:
        y: vector for the label embedding (SDXL's pooled text and sizes), float32 [B, n].
        concat: channels that follow x's own (inpainting models: mask and masked picture), float32
            [B, n, h, w]; not scaled as x is.
        control: what control nets add inside the network.
        patches: functions that act inside the network; `patches.call` is not set here.
        call: what patches are told about this call; None when nobody asked.
    """

    y: Tensor | None = None
    concat: Tensor | None = None
    control: Control | None = None
    patches: Patches = NO_PATCHES
    call: Call | None = None

    @property
    def placed(self) -> Patches | None:
        """The patches as a network takes them, None when there are none."""
        if not self.patches or self.call is None:
            return None
        return self.patches.during(self.call)


NO_INPUTS = Inputs()
