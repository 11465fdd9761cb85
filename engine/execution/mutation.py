"""Finding the node that writes into its inputs (``--debug-mutations``).

A pack that does ``latent["samples"].mul_(2)`` changes what the cache holds, and the next prompt
is wrong far from the culprit. In debug mode the inputs of every call are fingerprinted before it
and compared after it. That reads every byte of every input twice, so it is not for daily use.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

Fingerprint = tuple[Any, ...]

_PLAIN = frozenset((str, bytes, int, float, bool, complex, type(None)))


def fingerprint(value: Any) -> Fingerprint:
    """What must stay the same while a node has ``value`` as an input.

    Containers count by what is in them, arrays by a checksum of their bytes, tensors by place,
    shape and checksum. A tensor that has a version counter counts by that, too: torch raises it at
    each write in place, even one that is taken back. Tensors made in inference mode have none.
    Anything else counts by identity alone: what a model does inside itself is its own affair.
    """
    return _fingerprint(value, set())


def changed(before: Mapping[str, Fingerprint], inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the inputs that are not what they were ``before``, in order."""
    return tuple(name for name, old in before.items() if fingerprint(inputs[name]) != old)


def _fingerprint(value: Any, inside: set[int]) -> Fingerprint:
    if type(value) in _PLAIN:
        # repr: a value that is not a number equals nothing, not even itself.
        return (type(value), repr(value))
    if isinstance(value, Tensor):
        return _of_tensor(value)
    if hasattr(value, "__array_interface__") and hasattr(value, "tobytes"):
        return (id(value), str(value.dtype), value.shape, zlib.crc32(value.tobytes()))
    items = _items(value)
    if items is None or id(value) in inside:
        return (type(value), id(value))
    inside.add(id(value))
    parts = tuple(_fingerprint(item, inside) for item in items)
    inside.discard(id(value))
    return (type(value), id(value), parts)


def _items(value: Any) -> Iterable[Any] | None:
    if isinstance(value, Mapping):
        return (part for pair in value.items() for part in pair)
    return value if isinstance(value, list | tuple) else None


def _of_tensor(tensor: Tensor) -> Fingerprint:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        return (id(tensor), tensor.layout, None if tensor.is_inference() else tensor._version)
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    raw = plain.view(-1).view(torch.uint8).cpu()
    return (
        tensor.data_ptr(),
        tuple(tensor.shape),
        tensor.stride(),
        tensor.dtype,
        None if tensor.is_inference() else tensor._version,
        zlib.crc32(raw.numpy().data),
    )
