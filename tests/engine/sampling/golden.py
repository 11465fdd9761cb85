"""Golden tensors, each file read once."""

import functools

from safetensors.torch import load_file
from torch import Tensor

from tests.support import vectors


@functools.cache
def golden_tensors(*parts: str) -> dict[str, Tensor]:
    """The tensors of a vectors file. They are shared: read them, do not change them."""
    tensors: dict[str, Tensor] = load_file(vectors(*parts))
    return tensors
