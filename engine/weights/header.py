"""The header of a safetensors file: read once, checked completely before anything is mapped.

Format: 8 bytes little-endian length, a JSON object of that length, then the tensors' bytes. The
object maps names to ``{dtype, shape, data_offsets}`` and ``__metadata__`` to strings. Reading
tensors is the business of ``tensors.py``; what the names mean, of ``detect.py``. No torch.

Source: the format description of the safetensors project (Apache-2.0).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NoReturn

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile

# Largest real ones: about 300 kB for a checkpoint, a few MB for a thumbnail in the metadata.
MAX_HEADER = 8 << 20
MAX_TENSORS = 1 << 14
MAX_RANK = 8
# Metadata holds JSON of its own inside its texts, with as many brackets and commas as this.
_SLACK = 1 << 16

BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of a file. ``start`` and ``stop`` are byte positions from the file's beginning."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class Header:
    """Names, shapes and places of all tensors of a file, and its text metadata."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]


@lru_cache(maxsize=256)
def read_header(file: WeightsFile) -> Header:
    """The checked header of a safetensors file; remembered for as long as the file is unchanged.

    Raises:
        WeightsError: the file is not safetensors, is incomplete, or its header is not sound.
    """
    raw = _read_raw(file)
    _check_bulk(file, raw)
    try:
        document = json.loads(
            raw, object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise _unsound(file, "it is nested too deeply") from error
    except ValueError as error:  # covers JSONDecodeError, UnicodeDecodeError, overlong numbers
        raise _unsound(file, f"it is not valid JSON ({_short(error)})") from error
    if not isinstance(document, dict):
        raise _unsound(file, "it is not an object")
    metadata = _metadata(file, document.pop("__metadata__", {}))
    base = 8 + len(raw)
    tensors = {name: _entry(file, name, value, base) for name, value in document.items()}
    _check_coverage(file, tensors, base)
    return Header(tensors, metadata)


def _read_raw(file: WeightsFile) -> bytes:
    """The JSON bytes, after the checks that need no parsing."""
    if file.size == 0:
        raise WeightsError(f"{file.name} is empty; download or copy it again.")
    try:
        with Path(file.path).open("rb") as stream:
            start = stream.read(9)
            length = int.from_bytes(start[:8], "little")
            if len(start) == 9 and start[8:] == b"{" and length <= min(MAX_HEADER, file.size - 8):
                raw = start[8:] + stream.read(length - 1)
                if len(raw) == length:
                    return raw
    except OSError as error:
        raise WeightsError(f"{file.name} cannot be read: {error.strerror}.") from error
    if _looks_like_text(start):
        raise WeightsError(
            f"{file.name} is a text or web page saved under a model's name; download it again."
        )
    if len(start) < 9 or (start[8:] == b"{" and length <= MAX_HEADER):
        raise WeightsError(
            f"{file.name} ends inside its header: the download is incomplete; download it again."
        )
    if start[8:] == b"{":
        raise _unsound(file, f"it claims to be {length} bytes long")
    raise WeightsError(f"{file.name} is not a safetensors file.")


def _check_bulk(file: WeightsFile, raw: bytes) -> None:
    """Refuse, without parsing, what would take long to parse and cannot be a list of tensors."""
    tensors = raw.count(b'"data_offsets"')
    if tensors > MAX_TENSORS:
        raise _unsound(file, f"it lists {tensors} tensors")
    if raw.count(b"[") + raw.count(b"{") > 3 * tensors + _SLACK:
        raise _unsound(file, "it holds lists that describe no tensors")
    if raw.count(b",") > (MAX_RANK + 4) * tensors + 8 * _SLACK:
        raise _unsound(file, "it holds numbers that describe no tensors")


def _looks_like_text(start: bytes) -> bool:
    # The eight length bytes of a real file hold zeros, because no header is 2**56 bytes long.
    return start.lstrip()[:1] == b"<" or (len(start) == 9 and all(9 <= b < 127 for b in start))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _metadata(file: WeightsFile, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _unsound(file, "its metadata is not a table of texts")
    return value


def _entry(file: WeightsFile, name: str, value: object, base: int) -> Entry:
    """One entry, checked by itself."""
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise _unsound(file, f"{_shown(name)} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise _unsound(file, f"{_shown(name)} has an unknown number type")
    if not _sizes(shape) or len(shape) > MAX_RANK:
        raise _unsound(file, f"{_shown(name)} has an impossible shape")
    if not _sizes(offsets) or len(offsets) != 2:
        raise _unsound(file, f"{_shown(name)} has impossible offsets")
    start, stop = offsets
    if stop - start != prod(shape) * BYTES[dtype]:
        raise _unsound(file, f"{_shown(name)} has a shape that does not fit its bytes")
    return Entry(dtype, tuple(shape), base + start, base + stop)


def _sizes(value: object) -> bool:
    """Whether ``value`` is a list of counts that a file could hold."""
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 48 for n in value)


def _check_coverage(file: WeightsFile, tensors: Mapping[str, Entry], base: int) -> None:
    """The tensors lie one after the other and end with the file."""
    position = base
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != position:
            what = "overlaps the one before it" if entry.start < position else "leaves a gap"
            raise _unsound(file, f"{_shown(name)} {what}")
        position = entry.stop
    if position > file.size:
        raise WeightsError(
            f"{file.name} is incomplete: {file.size} of {position} bytes are there; "
            "download it again."
        )
    if position < file.size:
        raise _unsound(file, f"it does not account for the last {file.size - position} bytes")


def _unsound(file: WeightsFile, problem: str) -> WeightsError:
    return WeightsError(
        f"The header of {file.name} is not sound: {problem}. The file is damaged or not what it "
        "seems; download it again from its source."
    )


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:100]


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
