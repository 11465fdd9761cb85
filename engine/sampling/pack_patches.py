"""ComfyUI's `transformer_options` as `Patches`: how its packs act inside a UNet.

`patches` are lists of functions by place, `patches_replace` functions in place of single
attentions. Their last argument is a dict, whose keys are the contract of those packs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine.weights.sites import Attend, Patches, Site

Function = Callable[..., Any]
# (block, number) or (block, number, index of the layer) to a function.
Replacements = Mapping[tuple[Any, ...], Function]


def pack_patches(options: Mapping[str, Any]) -> Patches:
    """The functions that a pack has set, each at its place."""
    patches = options.get("patches", {})
    replace = options.get("patches_replace", {})
    return Patches(
        self_attention=_around(patches, "attn1"),
        cross_attention=_around(patches, "attn2"),
        self_heads=_in_place(replace.get("attn1", {})),
        cross_heads=_in_place(replace.get("attn2", {})),
        input_blocks=tuple(map(_on_block, patches.get("input_block_patch", ()))),
        input_blocks_after_skip=tuple(
            map(_on_block, patches.get("input_block_patch_after_skip", ()))
        ),
        output_blocks=tuple(map(_on_join, patches.get("output_block_patch", ()))),
    )


def _around(patches: Mapping[str, Sequence[Function]], name: str) -> tuple[Any, ...]:
    before = patches.get(f"{name}_patch", ())
    after = patches.get(f"{name}_output_patch", ())
    return (partial(_patched, tuple(before), tuple(after)),) if before or after else ()


def _patched(
    before: Sequence[Function],
    after: Sequence[Function],
    attend: Attend,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    site: Site,
) -> Tensor:
    """All functions on what goes in, in their order, then all on what comes out."""
    extra = _extra(site, q)
    for function in before:
        q, k, v = function(q, k, v, extra)
    out = attend(q, k, v)
    for function in after:
        out = function(out, extra)
    return out


def _in_place(replacements: Replacements) -> tuple[Any, ...]:
    return (partial(_replaced, dict(replacements)),) if replacements else ()


def _replaced(
    replacements: Replacements, attend: Attend, q: Tensor, k: Tensor, v: Tensor, site: Site
) -> Tensor:
    place = (site.block, site.number)
    function = replacements.get((*place, site.index), replacements.get(place))
    if function is None:
        return attend(q, k, v)
    found: Tensor = function(q, k, v, _extra(site, q))
    return found


def _on_block(function: Function) -> Callable[[Tensor, Site], Tensor]:
    def on_block(h: Tensor, site: Site) -> Tensor:
        found: Tensor = function(h, _extra(site))
        return found

    return on_block


def _on_join(function: Function) -> Callable[[Tensor, Tensor, Site], tuple[Tensor, Tensor]]:
    def on_join(h: Tensor, skip: Tensor, site: Site) -> tuple[Tensor, Tensor]:
        h, skip = function(h, skip, _extra(site))
        return h, skip

    return on_join


def _extra(site: Site, q: Tensor | None = None) -> dict[str, Any]:
    """What packs are told of a place; `q` where it is an attention."""
    call, (batch,) = site.call, site.call.sigmas.shape
    told: dict[str, Any] = {
        "block": (site.block, site.number),
        "original_shape": torch.Size((batch, 4, *site.latent)),
        "activations_shape": torch.Size((batch, site.channels, *site.size)),
        "cond_or_uncond": list(call.cond_or_uncond),
        "sigmas": call.sigmas,
        "sample_sigmas": call.sample_sigmas,
        "transformer_index": site.transformer,
        "block_index": site.index,
    }
    if q is not None:
        head = q.shape[-1] // site.heads
        told |= {"n_heads": site.heads, "dim_head": head, "attn_precision": None}
    return told
