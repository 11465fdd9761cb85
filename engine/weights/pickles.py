"""Weights in pickle files (.ckpt .pt .bin .pth), read without running anything in them.

Only ``torch.load(weights_only=True)`` is used, with a short list of inert names that old training
tools left in their files. There is no way round it: a file that needs more is refused.
"""

import pickle
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.header import Entry, Header

_ZIP = b"PK\x03\x04"
_FIRST_OPCODE = 0x80  # PROTO, followed by the protocol number
_PROTOCOLS = range(2, 6)

_DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int16: "I16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.int64: "I64",
    torch.float64: "F64",
}


class _ModelCheckpoint:
    """Stands for a Lightning callback that old checkpoints name in their training state."""


# numpy's module for this function has another name in every major version.
_SCALAR = np.float64(0).__reduce__()[0]

# What Lightning wrote beside the weights; none of it does anything when it is made.
_INERT: list[Any] = [
    (_ModelCheckpoint, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (np.dtype, "numpy.dtype"),
    (np.dtypes.Float64DType, "numpy.dtypes.Float64DType"),
]

# What a damaged file makes the reader raise, besides UnpicklingError.
DAMAGE = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


_ONE_AT_A_TIME = threading.Lock()


def is_pickle(file: WeightsFile) -> bool:
    """Whether the contents, whatever the extension, are a torch zip archive or a bare pickle."""
    try:
        with Path(file.path).open("rb") as stream:
            start = stream.read(9)
    except OSError as error:
        raise WeightsError(f"{file.name} cannot be read: {error.strerror}.") from error
    if start[:4] == _ZIP:
        return True
    # The ninth byte of a safetensors file is the brace that opens its header.
    return (
        len(start) > 1
        and start[0] == _FIRST_OPCODE
        and start[1] in _PROTOCOLS
        and start[8:] != b"{"
    )


def read_pickle(file: WeightsFile) -> Mapping[str, Tensor]:
    """The named tensors of a pickle file; anything in it that is not a tensor is left out.

    Items of a bare list have their places in it for names.

    Raises:
        WeightsError: the file holds code, is damaged, or holds no named tensors.
    """
    try:
        found = _unwrap(_load(file))
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file.name} holds code or objects besides weights and was not opened; "
            "convert it to safetensors."
        ) from error
    except DAMAGE as error:
        raise WeightsError(
            f"{file.name} is damaged or not a file of weights; download it again, if possible as "
            "safetensors."
        ) from error
    if isinstance(found, list):
        # The oldest LoRA files; ``engine/lora/unnamed.py`` knows what their places mean.
        found = {str(place): value for place, value in enumerate(found)}
    if not isinstance(found, dict):
        raise WeightsError(f"{file.name} holds no named tensors.")
    tensors = {name: value for name, value in found.items() if _usable(name, value)}
    if not tensors:
        raise WeightsError(f"{file.name} holds no named tensors.")
    return tensors


def pickle_header(file: WeightsFile) -> Header:
    """Names and shapes of a pickle file, in the form of a safetensors header without places."""
    return Header(
        {
            name: Entry(_DTYPES[tensor.dtype], tuple(tensor.shape), 0, 0)
            for name, tensor in read_pickle(file).items()
        },
        {},
    )


@contextmanager
def inert(names: Sequence[Any] = ()) -> Iterator[None]:
    """While this lasts, ``torch.load`` may make these harmless things besides tensors.

    torch keeps their list for the whole process, so one file is read at a time.
    """
    with _ONE_AT_A_TIME, torch.serialization.safe_globals(list(names)):
        yield


def _load(file: WeightsFile) -> object:
    with Path(file.path).open("rb") as stream, inert(_INERT):
        zipped = stream.read(len(_ZIP)) == _ZIP
        stream.seek(0)
        # torch maps the zip form only, and only by path; and a path of this extension it hands to
        # another library, whatever is in the file.
        mapped = zipped and not file.path.lower().endswith(".safetensors")
        source = file.path if mapped else stream
        return torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)


def _unwrap(found: object) -> object:
    """The table of tensors inside the wrappers that training tools put around it."""
    while isinstance(found, dict):
        inner = found.get("state_dict")
        if inner is None and len(found) == 1:
            inner = next(iter(found.values()))
        if not isinstance(inner, dict):
            return found
        found = inner
    return found


def _usable(name: object, value: object) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.dtype in _DTYPES
    )
