"""What is known of a run before its first step."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class RunFacts:
    """The run that prompts are prepared for. Tensors are float32 and on the device of `latent`.

    Attributes:
        latent: what the run starts from, model space, [B, C, h, w].
        noise: the noise that is put on it, like `latent`.
        sigmas: all noise levels, [n + 1], on the CPU.
        mask: the noise mask as the graph gave it, of any size; None without one.
        seed: of the run.
        needs_uncond: the sampler works with the negative prediction too, at any cfg.
        draws: random numbers that follow the start noise of `seed`, a CPU generator; for whatever
            in the model throws dice (token merging, tiled attention). It moves on as it is used.
        memory: what hooks keep from one evaluation to the next, by names of their own. With
            `draws` and the sampler's state it is all that the rest of a run depends on.
    """

    latent: Tensor
    noise: Tensor
    sigmas: Tensor
    mask: Tensor | None = None
    seed: int = 0
    needs_uncond: bool = False
    draws: torch.Generator = field(default_factory=torch.Generator)
    memory: dict[str, Tensor] = field(default_factory=dict)
