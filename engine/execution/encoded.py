"""Entries as bytes: what may be kept on disk, and how it looks there.

A file is a magic word, a BLAKE2b digest of all that follows, and a safetensors document. The
tensors are its body; everything around them is one JSON text in its metadata, in which a list is
``["l", ...]``, a tuple ``["t", ...]``, a mapping ``["d", [key, value], ...]`` and a tensor
``["x", number]``. Nothing is ever unpickled, so a file can at worst be wrong, never run anything.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from engine.execution.cache import Entry
from engine.execution.frozen import FrozenDict, FrozenList
from engine.graph.keys import Key

# Changes when the layout changes: files of another layout are a miss.
_MAGIC = b"PBENTRY1"
_DIGEST = 32
_NAME = "patchbay"
_DEPTH = 32
_MAPPINGS = (dict, FrozenDict, MappingProxyType)
_LISTS = (list, FrozenList)
_DTYPES = frozenset(
    (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    )
)


class Unstorable(ValueError):
    """A value that may not be kept on disk: a model, a handle, something on a device."""


class Unsound(ValueError):
    """Bytes that are no entry, or not the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An entry on its way to disk: the text is made, the tensors are still those of the entry."""

    text: str
    tensors: tuple[Tensor, ...]

    @property
    def bytes(self) -> int:
        """About how long the file will be."""
        return len(self.text) + sum(tensor.nbytes for tensor in self.tensors)


def encode(key: Key, entry: Entry) -> Encoded:
    """Take ``entry`` apart; cheap, copies no tensor.

    Tensors must be dense, in main memory and without gradients: what is on a device would come
    back on another one.

    Raises:
        Unstorable: it shows files, or holds something other than tensors, numbers, texts, None
            and lists, tuples and mappings of them.
    """
    if entry.ui is not None:
        raise Unstorable("It shows something; what that names may be gone when it is read.")
    tensors: dict[int, tuple[int, Tensor]] = {}
    document = {
        "key": key,
        "seconds": float(entry.seconds),
        "values": [[_encode(value, tensors, 0) for value in slot] for slot in entry.values],
    }
    return Encoded(json.dumps(document), tuple(tensor for _, tensor in tensors.values()))


def pack(encoded: Encoded) -> bytes:
    """The file for ``encoded``."""
    seen: set[int] = set()
    body = {f"{n}": _apart(tensor, seen) for n, tensor in enumerate(encoded.tensors)}
    document = save(body, {_NAME: encoded.text})
    return b"".join((_MAGIC, _digest(document), document))


def unpack(data: bytes, key: Key) -> Entry:
    """The entry in a file.

    Raises:
        Unsound: the bytes are damaged, are something else, or are the entry of another key.
    """
    start = len(_MAGIC) + _DIGEST
    view = memoryview(data)
    if view[: len(_MAGIC)] != _MAGIC or view[len(_MAGIC) : start] != _digest(view[start:]):
        raise Unsound("The file is incomplete, damaged or something else.")
    try:
        return _decode_document(bytes(view[start:]), key)
    except (LookupError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        # RuntimeError: shapes that torch refuses, and nesting that exhausts the JSON reader.
        raise Unsound(f"The file holds no entry: {error}") from error


def _digest(document: bytes | memoryview) -> bytes:
    return blake2b(document, digest_size=_DIGEST).digest()


def _encode(value: Any, tensors: dict[int, tuple[int, Tensor]], depth: int) -> Any:
    kind = type(value)  # the exact type: a subclass may carry more than can be written
    if value is None or kind in (bool, str, float):
        return value
    if kind is int and -(1 << 63) <= value < 1 << 64:
        return value
    if depth > _DEPTH:
        raise Unstorable("It is nested too deeply.")
    if kind in _LISTS or kind is tuple:
        mark = "t" if kind is tuple else "l"
        return [mark, *(_encode(item, tensors, depth + 1) for item in value)]
    if kind in _MAPPINGS and all(type(key) is str for key in value):
        return ["d", *([k, _encode(item, tensors, depth + 1)] for k, item in value.items())]
    if kind is Tensor and _plain(value):
        return ["x", tensors.setdefault(id(value), (len(tensors), value))[0]]
    raise Unstorable(f"It holds a {kind.__name__}.")


def _plain(tensor: Tensor) -> bool:
    return (
        tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and tensor.dtype in _DTYPES
        and not tensor.requires_grad
        and not tensor.is_neg()
    )


def _apart(tensor: Tensor, seen: set[int]) -> Tensor:
    """``tensor`` in one piece of its own: the format keeps no strides and no shared memory."""
    place = tensor.untyped_storage().data_ptr()
    if place not in seen and tensor.is_contiguous():
        seen.add(place)
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)


def _decode_document(data: bytes, key: Key) -> Entry:
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    document = json.loads(header["__metadata__"][_NAME])
    if document["key"] != key:
        _refuse("it belongs to another key")
    seconds = document["seconds"]
    if type(seconds) is not float or not 0 <= seconds < math.inf:
        _refuse("it does not say how long it took")
    slots = tuple(tuple(_decode(item, tensors) for item in slot) for slot in document["values"])
    return Entry(slots, None, seconds)


def _decode(item: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(item, list):
        return item if not isinstance(item, dict) else _refuse("an object is out of place")
    match item:
        case ["l", *items]:
            return [_decode(each, tensors) for each in items]
        case ["t", *items]:
            return tuple(_decode(each, tensors) for each in items)
        case ["d", *pairs]:
            return {_text(key): _decode(each, tensors) for key, each in pairs}
        case ["x", int() as number]:
            return tensors[f"{number}"]
    return _refuse("a value is of no known kind")


def _text(key: object) -> str:
    return key if isinstance(key, str) else _refuse("a name is no text")


def _refuse(problem: str) -> NoReturn:
    raise Unsound(problem)
