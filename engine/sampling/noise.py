"""Random numbers of a run, bit for bit those of the reference on a CPU.

Every draw comes from a generator of its own; the process's global generator is neither read nor
seeded, so that runs on different lanes cannot disturb each other.
"""

from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import Tensor

# Seeds are unsigned 64-bit numbers; the seed after the last one is the first.
_SEEDS = 2**64


class NoiseProfile(StrEnum):
    """Whose habit is followed where releases of the reference differ."""

    CURRENT = "current"
    V0_3 = "0.3"


def start_noise(like: Tensor, seed: int, batch_index: Sequence[int] | None = None) -> Tensor:
    """The noise a run starts from, always drawn on the CPU: shape and dtype of `like` [B, ...].

    With `batch_index`, output item j is the draw number batch_index[j] of single items, so that a
    picture taken out of a batch keeps its noise; the result has len(batch_index) items.
    """
    generator = torch.Generator().manual_seed(seed)
    if batch_index is None:
        return torch.randn(like.shape, dtype=like.dtype, generator=generator)
    shape = (1, *like.shape[1:])
    draws: dict[int, Tensor] = {}
    for index in range(max(batch_index) + 1):
        draw = torch.randn(shape, dtype=like.dtype, generator=generator)
        if index in batch_index:
            draws[index] = draw
    return torch.cat([draws[index] for index in batch_index])


class StepNoise:
    """A source of draws like `like` whose place in its sequence can be kept and found again."""

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like = like
        self._generator = generator

    def __call__(self) -> Tensor:
        """The next draw: standard normal, with shape, dtype and device of `like`."""
        like = self._like
        return torch.randn(
            like.shape, dtype=like.dtype, device=like.device, generator=self._generator
        )

    def state(self) -> Tensor:
        """What the next draws depend on: uint8 [n] on the CPU, n the device's choice."""
        return self._generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Go on from `state()` of a source on the same kind of device.

        Raises TypeError or RuntimeError, and changes nothing, when it is no such state.
        """
        self._generator.set_state(state)


def step_noise(like: Tensor, seed: int, profile: NoiseProfile) -> StepNoise:
    """The draws of one run's ancestral samplers.

    Release 0.3 seeds a CPU's generator with the start noise's own seed, so its first draw repeats
    the start noise; later ones use the next seed. On other devices both use `seed`.
    """
    later = profile is NoiseProfile.CURRENT and like.device.type == "cpu"
    generator = torch.Generator(device=like.device).manual_seed((seed + later) % _SEEDS)
    return StepNoise(like, generator)


def ddim_mask_noise(like: Tensor, seed: int) -> Tensor:
    """What "ddim" puts under the kept part of a masked latent, shape and dtype of `like`."""
    return start_noise(like, (seed + 1) % _SEEDS)
