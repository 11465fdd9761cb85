"""How much memory there is, how much a call takes, and what running out of it looks like.

Estimates are for deciding before a call (tile or not, drop what is idle); they are meant to be a
little high, and leave out what does not grow with the picture. They were fitted to peaks measured
on a CPU, of SD1.5's VAE and of a UNet of its shape at half its width.
"""

import re
from functools import cache
from pathlib import Path

import psutil
import torch

from engine.weights.configs import UnetConfig, VaeConfig
from engine.weights.errors import WeightsError

_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")
# What torch says on a CPU, where it has no error of its own for it.
_CPU_WORDS = re.compile(r"can't allocate memory|not enough memory|bad_alloc", re.IGNORECASE)


# Bytes of a number. Half precision takes less, but norms and reductions widen it in places.
_FLOAT = 4


class OutOfMemory(WeightsError):
    """A call needs more memory than there is. The text says how much."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` is what an allocation that failed raises."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_CPU_WORDS.search(str(error)))


def total_bytes(device: torch.device) -> int:
    """The memory of a device; for the CPU what this process may use of it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return _main_memory()


def free_bytes(device: torch.device) -> int:
    """What can be allocated now."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    available = int(psutil.virtual_memory().available)
    limit = _limit()
    if limit is None:
        return available
    return min(available, limit - int(_USED.read_text()))


@cache
def _main_memory() -> int:
    total = int(psutil.virtual_memory().total)
    limit = _limit()
    return total if limit is None else min(total, limit)


@cache
def _limit() -> int | None:
    """What a container allows this process, or None."""
    try:
        text = _LIMIT.read_text().strip()
        return int(text) if text.isdecimal() and _USED.exists() else None
    except OSError:
        return None


def unet_bytes(config: UnetConfig, cells: int) -> int:
    """Peak of one prediction for ``cells`` latent cells, all pictures together.

    The skip tensors of the way down stay, and one layer works: its feed-forward part holds about
    24 numbers a channel, a residual block about 8.
    """
    kept = worst = 0.0
    for level, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        share = 0.25**level
        kept += (config.resnets + 1) * width * share
        worst = max(worst, (24 if depth else 8) * width * share)
    return int(cells * (kept + worst) * _FLOAT)


def decode_bytes(config: VaeConfig, pixels: int) -> int:
    """Peak of decoding pictures of ``pixels`` pixels together.

    It is at the finest level, which begins with as many channels as the level below has.
    """
    return pixels * 5 * max(config.widths[:2]) * _FLOAT


def encode_bytes(config: VaeConfig, pixels: int) -> int:
    """Peak of encoding pictures of ``pixels`` pixels together."""
    return pixels * 5 * config.widths[0] * _FLOAT


def in_words(count: int) -> str:
    """So many bytes, for a sentence."""
    return f"{count / 2**30:.1f} GB" if count >= 2**29 else f"{max(1, count // 2**20)} MB"
