"""How much memory work on a device needs: the ledger's measure."""

import contextlib
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class DeviceMeter:
    """The peak between ``begin`` and ``peak``: of the GPU's allocator, or of this process.

    Writing 5 to ``clear_refs`` resets the kernel's high-water mark of resident memory; where there
    is no such file (anything but Linux) nothing is measured.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._known = device.type == "cuda" or _CLEAR.exists()

    def begin(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        elif self._known:
            with contextlib.suppress(OSError):  # a locked-down system: the mark stays where it was
                _CLEAR.write_text("5")

    def peak(self) -> int | None:
        """Bytes; None when the system does not tell."""
        if not self._known:
            return None
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
