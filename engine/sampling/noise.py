"""Random numbers of a run, bit for bit those of the reference on a CPU.

Every draw comes from a generator of its own; the process's global generator is neither read nor
seeded, so that runs on different lanes cannot disturb each other. Brownian paths, which some
samplers take their noise from, are `brownian.py`'s.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.sampling.philox import cuda_randn
from engine.sampling.policy import NoiseProfile

# Seeds are unsigned 64-bit numbers; the seed after the last one is the first.
_SEEDS = 2**64


def start_noise(
    like: Tensor,
    seed: int,
    batch_index: Sequence[int] | None = None,
    profile: NoiseProfile = NoiseProfile.CURRENT,
) -> Tensor:
    """The noise a run starts from, always on the CPU: shape and dtype of `like` [B, ...].

    With `batch_index`, output item j is the draw number batch_index[j] of single items, so that a
    picture taken out of a batch keeps its noise; the result has len(batch_index) items.
    """
    if profile is NoiseProfile.A1111:
        shape, seeds = tuple(like.shape[1:]), picture_seeds(like, seed, batch_index)
        return torch.stack([cuda_randn(shape, each, 0) for each in seeds]).to(like.dtype)
    return _start(like, torch.Generator().manual_seed(seed), batch_index)


def after_start_noise(
    like: Tensor, seed: int, batch_index: Sequence[int] | None = None
) -> torch.Generator:
    """A generator on the CPU that stands where `start_noise` of the same arguments ended."""
    generator = torch.Generator().manual_seed(seed)
    _start(like, generator, batch_index)
    return generator


def _start(like: Tensor, generator: torch.Generator, batch_index: Sequence[int] | None) -> Tensor:
    if batch_index is None:
        return torch.randn(like.shape, dtype=like.dtype, generator=generator)
    shape = (1, *like.shape[1:])
    draws: dict[int, Tensor] = {}
    for index in range(max(batch_index) + 1):
        draw = torch.randn(shape, dtype=like.dtype, generator=generator)
        if index in batch_index:
            draws[index] = draw
    return torch.cat([draws[index] for index in batch_index])


class StepNoise(Protocol):
    """A source of draws whose place in its sequence can be kept and found again."""

    def __call__(self, like: Tensor | None = None) -> Tensor:
        """The next draw: standard normal, with shape, dtype and device of `like`, or else of the
        latent that the run started from.
        """
        ...

    def state(self) -> Tensor:
        """What the next draws depend on: uint8 [n] on the CPU, n the source's choice."""
        ...

    def restore(self, state: Tensor) -> None:
        """Go on from `state()` of a source of the same kind.

        Raises TypeError or RuntimeError, and changes nothing, when it is no such state.
        """
        ...


class GeneratorNoise:
    """Draws of the whole batch from one generator, moved to the latent's device."""

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like = like
        self._generator = generator

    def __call__(self, like: Tensor | None = None) -> Tensor:
        like = self._like if like is None else like
        generator = self._generator
        draw = torch.randn(
            like.shape, dtype=like.dtype, device=generator.device, generator=generator
        )
        return draw.to(like.device)

    def state(self) -> Tensor:
        return self._generator.get_state()

    def restore(self, state: Tensor) -> None:
        self._generator.set_state(state)


class PictureNoise:
    """Draws of each picture with a seed of its own, as an Nvidia GPU makes them."""

    def __init__(self, like: Tensor, seeds: Sequence[int]) -> None:
        self._like = like
        self._seeds = seeds
        self._drawn = 1  # the first is what the run starts from

    def __call__(self, like: Tensor | None = None) -> Tensor:
        like = self._like if like is None else like
        shape = tuple(like.shape[1:])
        draws = [cuda_randn(shape, seed, self._drawn) for seed in self._seeds]
        self._drawn += 1
        return torch.stack(draws).to(like)

    def state(self) -> Tensor:
        return torch.frombuffer(bytearray(self._drawn.to_bytes(4, "little")), dtype=torch.uint8)

    def restore(self, state: Tensor) -> None:
        if state.dtype != torch.uint8 or state.shape != (4,):
            raise TypeError(f"four bytes are a state, not {state.dtype} {list(state.shape)}")
        self._drawn = int.from_bytes(bytes(state.tolist()), "little")


def picture_seeds(like: Tensor, seed: int, batch_index: Sequence[int] | None) -> list[int]:
    """A seed for each picture of the batch `like`, where each has its own."""
    numbers = range(len(like)) if batch_index is None else batch_index
    return [_after(seed, number) for number in numbers]


def step_noise(
    like: Tensor,
    seed: int,
    profile: NoiseProfile,
    batch_index: Sequence[int] | None = None,
    *,
    continues: bool = False,
) -> StepNoise:
    """The draws that a run's steps add: shape, dtype and device of the noisy latent `like`.

    The run started from `start_noise` of the same seed and `batch_index`. `continues`: on a CPU the
    draws go on where that ended, as the reference's do that come from its global generator.
    """
    if profile is NoiseProfile.A1111:
        return PictureNoise(like, picture_seeds(like, seed, batch_index))
    on_cpu = like.device.type == "cpu"
    if profile is NoiseProfile.DIFFUSERS or (continues and on_cpu):
        started = torch.empty_like(like, device="cpu")
        return GeneratorNoise(like, after_start_noise(started, seed, batch_index))
    later = profile is NoiseProfile.CURRENT and on_cpu and not continues
    generator = torch.Generator(device=like.device).manual_seed(_after(seed, int(later)))
    return GeneratorNoise(like, generator)


def ddim_mask_noise(like: Tensor, seed: int) -> Tensor:
    """What "ddim" puts under the kept part of a masked latent, shape and dtype of `like`."""
    return start_noise(like, _after(seed, 1))


def after_ddim_mask_noise(like: Tensor, seed: int) -> torch.Generator:
    """A generator that stands where ``ddim_mask_noise`` of the same arguments ended."""
    return after_start_noise(like, _after(seed, 1))


def _after(seed: int, number: int) -> int:
    return (seed + number) % _SEEDS
