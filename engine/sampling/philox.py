"""Normal draws as an Nvidia GPU makes them, computed anywhere.

torch draws on CUDA with the counter-based generator Philox4x32-10 (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3") and the Box-Muller transform: one counter for each element.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Words = NDArray[np.uint32]

_ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW, _HIGH = np.uint64(0xFFFFFFFF), np.uint64(32)
_UNIT = 2.0**-32


def philox(counters: tuple[Words, Words, Words, Words], key: int) -> tuple[Words, ...]:
    """Four random words for each of the counters, uint32 [n] each; `key` has 64 bits."""
    c0, c1, c2, c3 = counters
    low, high = key & 0xFFFFFFFF, key >> 32
    for _ in range(_ROUNDS):
        first, second = (c * m for c, m in zip(_wide(c0, c2), _MULTIPLIERS, strict=True))
        c0, c1, c2, c3 = (
            _high(second) ^ c1 ^ np.uint32(low),
            _low(second),
            _high(first) ^ c3 ^ np.uint32(high),
            _low(first),
        )
        low, high = (low + _WEYL[0]) & 0xFFFFFFFF, (high + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def cuda_randn(shape: tuple[int, ...], seed: int, draw: int) -> Tensor:
    """Draw number `draw` of a CUDA generator seeded with `seed`: float32 of `shape` on the CPU.

    The numbers are those of draws of one shape whose elements each have a thread of their own, as
    pictures' latents have on any card they fit on.
    """
    size = math.prod(shape)
    element = np.arange(size, dtype=np.uint32)
    none = np.zeros(size, dtype=np.uint32)
    first, second, _, _ = philox((np.full(size, draw, np.uint32), none, element, none), seed)
    u = first.astype(np.float32) * np.float32(_UNIT) + np.float32(_UNIT / 2)
    v = second.astype(np.float32) * np.float32(_UNIT * 2 * math.pi) + np.float32(_UNIT * math.pi)
    normal = np.sqrt(-2 * np.log(u)) * np.sin(v)
    return torch.from_numpy(normal).reshape(shape)


def _wide(*words: Words) -> tuple[NDArray[np.uint64], ...]:
    return tuple(word.astype(np.uint64) for word in words)


def _low(product: NDArray[np.uint64]) -> Words:
    return (product & _LOW).astype(np.uint32)


def _high(product: NDArray[np.uint64]) -> Words:
    return (product >> _HIGH).astype(np.uint32)
