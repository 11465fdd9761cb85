"""Reading tensors: one interface over memory-mapped safetensors and safe pickles.

``catalogue`` says what a file holds (names, shapes); ``TensorFile`` gives the numbers. The type of
a file is decided by its contents, never by its extension.
"""

import mmap
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.header import Header, read_header
from engine.weights.layouts import Place
from engine.weights.pickles import is_pickle, pickle_header, read_pickle

TORCH_TYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "F32": torch.float32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
}


@lru_cache(maxsize=256)
def catalogue(file: WeightsFile) -> Header:
    """Names, shapes and metadata of a file of either kind, without keeping its numbers.

    Raises:
        WeightsError: the file is damaged, is something else, or holds code.
    """
    return pickle_header(file) if is_pickle(file) else read_header(file)


class TensorFile:
    """The tensors of one file, open for reading. A context manager.

    Pages of the map are given back after each read, so that reading a whole file does not make
    the process as large as the file.

    Example::

        with TensorFile(WeightsFile.of(path)) as tensors:
            weight = tensors.read("model.diffusion_model.out.2.weight")
    """

    def __init__(self, file: WeightsFile) -> None:
        """Raises WeightsError when the file is unusable or is not the file it was."""
        self.file = file
        self.header = catalogue(file)
        if WeightsFile.of(file.path) != file:
            raise WeightsError(
                f"{file.name} has changed on disk since it was chosen; run the graph again."
            )
        self._pickled: Mapping[str, Tensor] | None = None
        self._map: mmap.mmap | None = None
        if is_pickle(file):
            self._pickled = read_pickle(file)
        elif file.size:
            with Path(file.path).open("rb") as stream:
                # A private writable map: torch wants a writable buffer, nobody writes into it.
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)

    def read(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        """A copy of tensor ``name``, converted to ``dtype`` or in the dtype of the file."""
        tensor = self._view(name)
        copied = tensor.to(dtype, copy=True) if dtype else tensor.clone()
        self._give_back(name)
        return copied

    def read_into(self, place: Place, out: Tensor) -> None:
        """Write the tensor at ``place`` into ``out``: same number of elements, any dtype, strides
        and device.

        A weight kept as a 1x1 convolution fits a linear ``out`` and the other way round.
        """
        stored = self._view(place.name)
        if place.third is not None:
            stored = stored.chunk(3)[place.third]
        if place.transposed:
            stored = stored.t()
        out.copy_(stored.reshape(out.shape))
        self._give_back(place.name)

    def _view(self, name: str) -> Tensor:
        if self._pickled is not None:
            return self._pickled[name]
        entry = self.header.tensors[name]
        dtype = TORCH_TYPES[entry.dtype]
        if self._map is None or entry.count == 0:
            return torch.empty(entry.shape, dtype=dtype)
        length = entry.stop - entry.start
        raw = torch.frombuffer(self._map, dtype=torch.uint8, count=length, offset=entry.start)
        if entry.start % dtype.itemsize:
            raw = raw.clone()  # torch's kernels assume aligned elements
        return raw.view(dtype).reshape(entry.shape)

    def _give_back(self, name: str) -> None:
        if self._map is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        entry = self.header.tensors[name]
        start = entry.start - entry.start % mmap.PAGESIZE
        if entry.stop > start:
            self._map.madvise(mmap.MADV_DONTNEED, start, entry.stop - start)

    def close(self) -> None:
        """Let go of the file. Tensors that were read stay valid, because they are copies."""
        self._pickled = None
        if self._map is not None:
            self._map.close()
            self._map = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
