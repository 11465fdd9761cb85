"""The networks in memory: loading, baking, dropping, and room for the work of a call.

What is asked for comes from ``residency.py``; whoever computes goes through ``loan.py``.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from engine.weights.baking import rebake
from engine.weights.cancel import Check
from engine.weights.choices import Choice
from engine.weights.configs import Config
from engine.weights.ledger import Ledger, Patches, Resident
from engine.weights.memory import (
    OutOfMemory,
    free_bytes,
    in_words,
    is_out_of_memory,
    total_bytes,
)
from engine.weights.networks import Network, load_network
from engine.weights.part import Part
from engine.weights.patching import Patcher
from engine.weights.tuning import trim_memory
from engine.weights.wishes import Wishes

# What a GPU needs beside weights: the driver's own, and the work of a common picture.
_RESERVED = 1 << 30


@dataclass(frozen=True, slots=True)
class Counters:
    """What has been done since the start."""

    networks_loaded: int = 0
    networks_dropped: int = 0
    parameters_baked: int = 0


class Residents:
    """All networks that are in memory, on every device. Whoever calls a method holds ``lock``."""

    def __init__(self, patcher: Patcher, wishes: Wishes, budget: int | None) -> None:
        self.lock = threading.RLock()
        self.counters = Counters()
        # Paths of the files whose weights are in memory; replaced as a whole, so it can be read
        # without waiting.
        self.warm: tuple[str, ...] = ()
        self._patcher = patcher
        self._wishes = wishes
        self._budget = budget
        self._ledger = Ledger()

    def have(self, part: Part[Config], choice: Choice, patches: Patches, check: Check) -> Resident:
        """The network of ``part``, in memory as ``choice`` says and with ``patches`` applied.

        Raises:
            WeightsError: the file is unusable or has changed.
            OutOfMemory: its weights do not fit.
        """
        check()
        found = self._ledger.find((part, choice))
        if found is None:
            found = Resident((part, choice), self._loaded(part, choice, check))
            self._ledger.add(found)
            self._count(networks_loaded=1)
        if found.patches != patches:
            self._count(parameters_baked=rebake(found, patches, self._patcher, check))
        self._ledger.use(found)
        return found

    def allowed(self, device: torch.device) -> int:
        """Bytes of weights that may rest on ``device``."""
        if self._budget is not None:
            return self._budget
        total = total_bytes(device)
        if device.type != "cuda":
            return total // 2
        if self._wishes.memory in {"high", "gpu_only"}:
            return total
        reserved = _RESERVED if self._wishes.reserve is None else self._wishes.reserve
        return max(0, total - reserved)

    def find(self, part: Part[Config], choice: Choice) -> Resident | None:
        """What is in memory of a network, whatever its patches."""
        return self._ledger.find((part, choice))

    def idle_bytes(self, device: torch.device, but: Part[Config]) -> int:
        """Bytes of the weights on ``device`` that are not those of ``but``."""
        there = [one for one in self._ledger if one.device == device and one.part != but]
        return sum(one.network.bytes for one in there)

    def free_for(self, device: torch.device, needs: int, but: Resident) -> None:
        """Drop what is idle until ``needs`` bytes of ``device`` are free, or nothing idle is left.

        Raises:
            OutOfMemory: more is needed than the device has.
        """
        if needs > total_bytes(device):
            raise self.too_little("This", device, needs)
        while needs > free_bytes(device):
            resident = self._ledger.first_to_go(device, but)
            if resident is None:
                return
            self._drop(resident)
            self._trim(device)

    def drop_idle(self, device: torch.device, but: Resident | None = None) -> None:
        """Drop everything on ``device`` but one network, and give the memory back."""
        self._shrink(device, 0, but)
        self._trim(device)

    def drop_all(self) -> None:
        devices = {one.device for one in self._ledger}
        for device in devices:
            self.drop_idle(device)

    def too_little(self, what: str, device: torch.device, needs: int) -> OutOfMemory:
        """The error that says that ``what`` takes more than there is."""
        streams = self._wishes.memory in {"low", "none"} or device.type != "cuda"
        return OutOfMemory(
            f"{what} takes about {in_words(needs)} of memory, and of the {device}'s "
            f"{in_words(total_bytes(device))} only {in_words(free_bytes(device))} are free. "
            f"Take a smaller picture or batch{'' if streams else ', or start with --lowvram'}."
        )

    def _loaded(self, part: Part[Config], choice: Choice, check: Check) -> Network:
        needs = part.parameters * choice.stored.itemsize
        self._shrink(choice.home, self.allowed(choice.home) - needs)
        try:
            return load_network(part, choice, check)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Here, where what was loaded so far is gone.
        self.drop_idle(choice.home)
        try:
            return load_network(part, choice, check)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            what = f"What is read from {part.file.name}"
            raise self.too_little(what, choice.home, needs) from error

    def _shrink(self, device: torch.device, allowed: int, but: Resident | None = None) -> None:
        """Drop what goes first until the weights on ``device`` are ``allowed`` bytes or fewer."""
        dropped = False
        while self._ledger.used(device) > allowed:
            resident = self._ledger.first_to_go(device, but)
            if resident is None:
                break
            self._drop(resident)
            dropped = True
        if dropped:
            self._trim(device)

    def _drop(self, resident: Resident) -> None:
        self._ledger.drop(resident)
        self._count(networks_dropped=1)

    def _trim(self, device: torch.device) -> None:
        trim_memory()
        if device.type == "cuda":
            torch.cuda.empty_cache()

    def _count(self, **more: int) -> None:
        now = {name: getattr(self.counters, name) + n for name, n in more.items()}
        self.counters = replace(self.counters, **now)
        self.warm = tuple(sorted({path for one in self._ledger for path in _files(one)}))


def _files(resident: Resident) -> Iterator[str]:
    yield resident.part.file.path
    yield from (patch.file.path for patch in resident.patches or () if patch.strength != 0)
