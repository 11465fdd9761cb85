"""Settings of the whole process that make torch quick on a CPU. Called once, before it computes.

Two faults of the defaults are mended, both without changing a result beyond rounding:

* glibc returns blocks over 32 MB to the system and asks for them again at each convolution, which
  costs hundreds of thousands of page faults per UNet call.
* MKL is slow on AMD processors; the precision name "medium" selects oneDNN for float32 products.
"""

import ctypes
import sys
from dataclasses import dataclass

import torch

# Numbers of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_WORST_ERROR = 1e-5


@dataclass(frozen=True, slots=True)
class Tuning:
    """What took effect."""

    keeps_memory: bool
    matmul_precision: str


def tune_process() -> Tuning:
    """Set up memory and products for this process. Call it before torch allocates and computes."""
    return Tuning(_keep_memory(), _choose_products())


def trim_memory() -> None:
    """Give free memory back to the system; of use after a network has been dropped."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def has_bf16_units() -> bool:
    """Whether the processor multiplies bfloat16 by itself, at twice the speed of float32."""
    return any(
        bool(getattr(torch.cpu, name, lambda: False)())
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )


def _keep_memory() -> bool:
    libc = _glibc()
    if libc is None:
        return False
    wanted = (
        (_M_MMAP_THRESHOLD, 1 << 30),
        (_M_TRIM_THRESHOLD, (1 << 31) - 1),
        (_M_TOP_PAD, 64 << 20),
        # Arenas of other threads hold blocks of 64 MB at most and map what is larger, so without
        # this the settings above would only serve the main thread.
        (_M_ARENA_MAX, 1),
    )
    return all(libc.mallopt(name, value) == 1 for name, value in wanted)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None


def _choose_products() -> str:
    """ "medium" where it is exact; processors with AMX would compute it in bfloat16."""
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(64, 256, generator=generator)
    b = torch.randn(256, 64, generator=generator)
    exact = a.double() @ b.double()
    torch.set_float32_matmul_precision("medium")
    error = ((a @ b).double() - exact).norm() / exact.norm()
    if error > _WORST_ERROR:
        torch.set_float32_matmul_precision("highest")
    return torch.get_float32_matmul_precision()
