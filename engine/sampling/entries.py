"""A prompt part ready for one run: what the model is given for it, where it counts, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from engine.sampling.lora_hooks import ScheduledPatch
from engine.weights.handles import LoraPatch

if TYPE_CHECKING:
    from engine.sampling.control import ControlRun


class Area(NamedTuple):
    """A rectangle of the latent, in its cells."""

    height: int
    width: int
    y: int
    x: int

    def encloses(self, other: "Area") -> bool:
        below = self.y <= other.y and self.y + self.height >= other.y + other.height
        return below and self.x <= other.x and self.x + self.width >= other.x + other.width

    def clipped(self, height: int, width: int) -> "Area":
        """The part of it inside a frame of `height` x `width`; it must start inside."""
        return self._replace(
            height=min(self.height, height - self.y), width=min(self.width, width - self.x)
        )

    def crop(self, tensor: Tensor) -> Tensor:
        """This rectangle of `tensor` [..., h, w], a view."""
        return tensor[..., self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One prompt part. Tensors are float32 on the device of the run; b is any batch size.

    Attributes:
        context: what cross-attention sees, [b, T, D].
        y: for the label embedding, [b, n].
        concat: channels beside the latent, [b, n, h, w].
        control_context: what control nets see in place of `context`, [b, T, D].
        strength: its weight among the parts of its group.
        start_sigma, end_sigma: it is active for start_sigma >= sigma >= end_sigma.
        area: where it is evaluated; everywhere without one.
        mask: how much it counts where, [b, h, w] at the latent's size.
        mask_strength: what `mask` is multiplied by.
        default: it fills up what the others of its group leave uncovered.
        control: the control nets on it.
        control_to_uncond: negative parts without a control net get this one's.
        hooks: patches of the model's weights while it is evaluated.
        options: the CONDITIONING entry's dict, as it came.
    """

    context: Tensor
    y: Tensor | None = None
    concat: Tensor | None = None
    control_context: Tensor | None = None
    strength: float = 1.0
    start_sigma: float = float("inf")
    end_sigma: float = 0.0
    area: Area | None = None
    mask: Tensor | None = None
    mask_strength: float = 1.0
    default: bool = False
    control: "ControlRun | None" = None
    control_to_uncond: bool = False
    hooks: tuple[ScheduledPatch, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def active(self, sigma: float) -> bool:
        return self.end_sigma <= sigma <= self.start_sigma

    def patches(self, sigma: float) -> tuple[LoraPatch, ...]:
        """What of `hooks` changes the weights at this noise level."""
        found = (hook.at(sigma) for hook in self.hooks)
        return tuple(patch for patch in found if patch.strength != 0)
