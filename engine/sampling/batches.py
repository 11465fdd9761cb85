"""LATENTs as batches: taking pictures out, repeating and joining them, with the noise of each.

A LATENT's `batch_index` says which draw of the start noise each of its pictures gets; without one
they get the draws of a whole batch (`noise.py`). Spec section 2.3.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.sampling.resize import center_cropped, resized

Latent = Mapping[str, Any]


def from_batch(latent: Latent, first: int, length: int) -> dict[str, Any]:
    """Up to `length` pictures from number `first` on, or from the last, each with its own noise."""
    samples: Tensor = latent["samples"]
    first = min(first, samples.shape[0] - 1)
    length = min(samples.shape[0] - first, length)
    part = slice(first, first + length)
    numbers = latent.get("batch_index", range(samples.shape[0]))
    found = {**latent, "samples": samples[part], "batch_index": list(numbers[part])}
    if (mask := _mask(latent, samples.shape[0])) is not None:
        found["noise_mask"] = mask if len(mask) == 1 else mask[part]
    return found


def repeated(latent: Latent, amount: int) -> dict[str, Any]:
    """The batch so many times; each time further draws of the noise, where they have numbers."""
    samples: Tensor = latent["samples"]
    found = {**latent, "samples": _times(samples, amount)}
    if (mask := _mask(latent, samples.shape[0])) is not None:
        found["noise_mask"] = mask if len(mask) == 1 else _times(mask, amount)
    if "batch_index" in latent:
        numbers: list[int] = list(latent["batch_index"])
        offset = max(numbers) - min(numbers) + 1
        found["batch_index"] = [n + offset * turn for turn in range(amount) for n in numbers]
    return found


def joined(one: Latent, other: Latent) -> dict[str, Any]:
    """Both batches, `other` brought to the size of `one`: cropped to its shape, then resized.

    Raises ValueError for latents of different families.
    """
    first, second = one["samples"], other["samples"]
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"One latent has {first.shape[1]} channels and the other {second.shape[1]}: they were "
            "made for different families of models and cannot be one batch."
        )
    if first.shape[2:] != second.shape[2:]:
        height, width = first.shape[-2:]
        second = resized(center_cropped(second, height, width), height, width, "bilinear")
    numbers = [
        *one.get("batch_index", range(first.shape[0])),
        *other.get("batch_index", range(second.shape[0])),
    ]
    return {**one, "samples": torch.cat([first, second]), "batch_index": numbers}


def with_seeds(latent: Latent, behavior: str) -> dict[str, Any]:
    """The same noise for every picture ("fixed"), or that of a whole batch ("random")."""
    found = {name: value for name, value in latent.items() if name != "batch_index"}
    if behavior == "random":
        return found
    first = latent.get("batch_index", [0])[0]
    return {**found, "batch_index": [first] * latent["samples"].shape[0]}


def _mask(latent: Latent, batch: int) -> Tensor | None:
    """The noise mask for so many pictures, or for all in one."""
    mask: Tensor | None = latent.get("noise_mask")
    if mask is None or len(mask) == 1:
        return mask
    return _times(mask, -(-batch // len(mask)))[:batch]


def _times(tensor: Tensor, amount: int) -> Tensor:
    return tensor.repeat(amount, *[1] * (tensor.ndim - 1))
