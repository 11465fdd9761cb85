"""CONDITIONING values read for one run: which contexts, how strong, at which noise levels.

Areas, masks, control nets and the like are refused here, by name, until this package knows them; a
prompt part that is silently left out would be a wrong picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.sampling.levels import Levels

# Keys that change the picture and that nothing here acts upon yet. Keys that nobody knows are let
# through, as packs put their own notes into conditioning.
_NOT_YET = (
    "area",
    "mask",
    "control",
    "gligen",
    "concat_latent_image",
    "concat_mask",
    "unclip_conditioning",
    "default",
    "hooks",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt part: `context` float32 [b, T, D], active for start_sigma >= sigma >= end_sigma."""

    context: Tensor
    strength: float
    start_sigma: float
    end_sigma: float

    def active(self, sigma: float) -> bool:
        return self.end_sigma <= sigma <= self.start_sigma


def read_conditioning(
    value: Sequence[Any], levels: Levels, device: torch.device | str = "cpu"
) -> tuple[Entry, ...]:
    """The entries of a CONDITIONING value, a list of [tensor, dict]; contexts go to `device`.

    Raises ValueError when an entry asks for something this sampler cannot do.
    """
    return tuple(_entry(context.to(device), options, levels) for context, options in value)


def _entry(context: Tensor, options: Mapping[str, Any], levels: Levels) -> Entry:
    refused = [key for key in _NOT_YET if options.get(key) is not None]
    if refused:
        raise ValueError(
            f"This conditioning uses {', '.join(refused)}, which KSampler cannot do yet. "
            "Take the node that adds it out of the graph."
        )
    return Entry(
        context=context.float(),
        strength=float(options.get("strength", 1.0)),
        start_sigma=levels.percent_to_sigma(float(options.get("start_percent", 0.0))),
        end_sigma=levels.percent_to_sigma(float(options.get("end_percent", 1.0))),
    )
