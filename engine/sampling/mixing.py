"""What nodes make of prompts before anything is sampled: CONDITIONING values to new ones.

A CONDITIONING is a list of [tensor [b, T, D], dict]. Nothing here changes what it is given.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Conditioning = Sequence[Any]
Entries = list[list[Any]]


def with_values(conditioning: Conditioning, **values: Any) -> Entries:
    """Every entry with `values` in its dict."""
    return [[tensor, {**options, **values}] for tensor, options in conditioning]


def with_mask(
    conditioning: Conditioning, mask: Tensor, strength: float, *, bounds: bool
) -> Entries:
    """Every entry with a mask [H, W] or [b, H, W]; with `bounds` only its bounding box is looked
    at.
    """
    stacked = mask[None] if mask.ndim == 2 else mask
    return with_values(
        conditioning, mask=stacked, mask_strength=strength, set_area_to_bounds=bounds
    )


def combine(one: Conditioning, other: Conditioning) -> Entries:
    """The entries of both, one list."""
    return with_values([*one, *other])


def concat(to: Conditioning, source: Conditioning) -> Entries:
    """Every entry of `to` followed by the tokens of the first entry of `source`.

    Raises ValueError when the two were encoded for different families of models.
    """
    more: Tensor = _first(source)[0]
    return [[torch.cat([_fitting(tensor, more), more], 1), dict(options)] for tensor, options in to]


def average(to: Conditioning, source: Conditioning, strength: float) -> Entries:
    """Every entry of `to` times `strength` plus the first entry of `source` times the rest of 1.

    `source` is cut to the tokens of `to`, or filled up with zeros. Pooled vectors are mixed alike
    where both have one; where only one has, it stays. Raises ValueError as `concat`.
    """
    tokens, found = _first(source)
    pooled: Tensor | None = found.get("pooled_output")
    mixed = []
    for tensor, options in to:
        length = _fitting(tensor, tokens).shape[1]
        other = tokens[:, :length]
        missing = tokens.new_zeros(tokens.shape[0], length - other.shape[1], tokens.shape[2])
        new = tensor * strength + torch.cat([other, missing], 1) * (1 - strength)
        mixed.append([new, {**options, **_mixed_pooled(options, pooled, strength)}])
    return mixed


def _mixed_pooled(options: Any, pooled: Tensor | None, strength: float) -> dict[str, Tensor]:
    if pooled is None:
        return {}
    own: Tensor | None = options.get("pooled_output")
    new = pooled if own is None else own * strength + pooled * (1 - strength)
    return {"pooled_output": new}


def zero_out(conditioning: Conditioning) -> Entries:
    """Every entry with zeros for all that was encoded from its text."""
    encoded = ("pooled_output", "conditioning_lyrics")
    return [
        [
            torch.zeros_like(tensor),
            {
                name: torch.zeros_like(value) if name in encoded and value is not None else value
                for name, value in options.items()
            },
        ]
        for tensor, options in conditioning
    ]


def _first(conditioning: Conditioning) -> tuple[Tensor, dict[str, Any]]:
    if not conditioning:
        raise ValueError("The second conditioning has no entries. Connect an encoded prompt.")
    tensor, options = conditioning[0]
    return tensor, options


def _fitting(tensor: Tensor, other: Tensor) -> Tensor:
    if tensor.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"One conditioning is {tensor.shape[-1]} wide and the other {other.shape[-1]}: they "
            "were encoded by the CLIPs of different model families. Encode both with the same CLIP."
        )
    return tensor
