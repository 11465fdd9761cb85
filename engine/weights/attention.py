"""Attention of a transformer layer, with the places where ``Patches`` act on it.

Without patches this is q, k, v, ``scaled_dot_product_attention`` and the output projection.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from engine.weights.sites import Around, Attend, Site


def attend(layer: Any, hidden: Tensor, context: Tensor, *, upcast: bool) -> Tensor:
    """What ``layer`` (diffusers' ``Attention``) makes of ``hidden`` [B, N, C] and of ``context``
    [B, T, D], which is ``hidden`` itself in self-attention: [B, N, C].
    """
    q, k, v = layer.to_q(hidden), layer.to_k(context), layer.to_v(context)
    return _out(layer, heads(q, k, v, layer.heads, upcast=upcast))


def patched_attend(
    layer: Any,
    hidden: Tensor,
    context: Tensor,
    whole: Sequence[Around],
    product: Sequence[Around],
    site: Site,
    *,
    upcast: bool,
) -> Tensor:
    """``attend`` with the functions ``whole`` around all of it and ``product`` around the product
    of q, k and v.
    """

    def multiplied(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return heads(q, k, v, layer.heads, upcast=upcast)

    def attended(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        found = wrapped(multiplied, product, site)(layer.to_q(q), layer.to_k(k), layer.to_v(v))
        return _out(layer, found)

    return wrapped(attended, whole, site)(hidden, context, context)


def wrapped(inner: Attend, functions: Sequence[Around], site: Site) -> Attend:
    """``inner`` inside ``functions``, the first of which is the outermost."""
    for function in reversed(functions):
        inner = _around(function, inner, site)
    return inner


def _around(function: Around, inner: Attend, site: Site) -> Attend:
    return lambda q, k, v: function(inner, q, k, v, site)


def heads(q: Tensor, k: Tensor, v: Tensor, count: int, *, upcast: bool) -> Tensor:
    """softmax(q k' / sqrt(width)) v for each of ``count`` heads that lie side by side.

    q is [B, N, heads * width], k and v [B, T, heads * width]; the result is like q.
    """
    batch = q.shape[0]
    q, k, v = (
        x.view(x.shape[0], -1, count, x.shape[-1] // count).transpose(1, 2) for x in (q, k, v)
    )
    if upcast and v.dtype != torch.float32:
        found = scaled_dot_product_attention(q.float(), k.float(), v.float()).to(v.dtype)
    else:
        found = scaled_dot_product_attention(q, k, v)
    return found.transpose(1, 2).reshape(batch, -1, count * found.shape[-1])


def _out(layer: Any, found: Tensor) -> Tensor:
    projected: Tensor = layer.to_out[0](found)
    return projected
