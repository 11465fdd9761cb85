"""Noise from a Brownian path: what a step adds depends on where it goes, not on what came before.

The same path is seen by runs of different lengths, so more steps refine a picture instead of
drawing another one. A path is a function of seed and range alone; nothing of it needs keeping.
"""

from collections.abc import Sequence

import torch
import torchsde
from torch import Tensor

from engine.sampling.noise import picture_seeds
from engine.sampling.policy import NoiseProfile

# torchsde rounds times to this many digits, and warns of those outside its range.
_DIGITS = 6


class BrownianNoise:
    """Increments of Brownian motion over sigma, one path for all or one for each picture.

    `like` is the latent [B, ...]; `seed` one for the batch or one for each of its items. Paths are
    drawn on `device`, and moved from there to the latent's.
    """

    def __init__(
        self,
        like: Tensor,
        low: float,
        high: float,
        seed: int | Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self._device = like.device
        self._low, self._high = round(low, _DIGITS), round(high, _DIGITS)
        self._whole = isinstance(seed, int)
        seeds = [seed] if isinstance(seed, int) else seed
        shape = like.shape if self._whole else like.shape[1:]
        zero = torch.zeros(shape, dtype=like.dtype, device=device)
        self._paths = [torchsde.BrownianTree(low, zero, high, entropy=s) for s in seeds]

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The draw for going from sigma `a` [] to `b` []: standard normal, like the latent.

        Outside the range of the path there is no motion; a move that is all outside adds nothing.
        """
        start, end = self._clamped(a), self._clamped(b)
        scale = (b - a).abs().sqrt() if a != b else torch.ones(())
        if start > end:
            start, end, scale = end, start, -scale
        moves = [path(start, end) / scale for path in self._paths]
        return (moves[0] if self._whole else torch.stack(moves)).to(self._device)

    def _clamped(self, sigma: Tensor) -> float:
        return min(max(float(sigma), self._low), self._high)


def brownian(
    like: Tensor,
    sigmas: Tensor,
    seed: int,
    profile: NoiseProfile,
    batch_index: Sequence[int] | None = None,
    *,
    gpu: bool = False,
) -> BrownianNoise:
    """The path of a run over `sigmas` [n + 1] from the noisy latent `like` [B, C, h, w].

    `gpu` draws it on the latent's device, as the a1111 profile always does.
    """
    noisy = [sigma for sigma in sigmas.tolist() if sigma > 0] or [0.0]
    low, high = min(noisy), max(noisy)
    if profile is NoiseProfile.A1111:
        return BrownianNoise(like, low, high, picture_seeds(like, seed, batch_index), like.device)
    return BrownianNoise(like, low, high, seed, like.device if gpu else "cpu")
