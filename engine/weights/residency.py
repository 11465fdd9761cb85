"""The one owner of live networks: handles in, callable networks out.

A live weight is always computed from the pristine file and the whole list of entries that touch
it, in float32, rounded once; nothing is ever subtracted. So taking a LoRA off leaves the very
bytes of a network that never had it, and a change of one strength costs the parameters that the
LoRA touches. How entries are added is ``engine/lora``'s business, see ``patching.py``.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from engine.weights.calls import Autoencoder, TextEncoder, UNet
from engine.weights.cancel import Check, checked, no_check
from engine.weights.checkpoint import Part, inspect_checkpoint
from engine.weights.configs import Config
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.networks import Network, load_network
from engine.weights.patching import Patcher
from engine.weights.tensors import TensorFile
from engine.weights.tuning import trim_memory

Patches = tuple[LoraPatch, ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """What the residency has done since it was made."""

    networks_loaded: int = 0
    networks_dropped: int = 0
    parameters_baked: int = 0


@dataclass(slots=True)
class _Resident:
    """A network in memory. ``applied`` holds the entries baked into each patched parameter;
    None stands for a bake that did not finish."""

    part: Part[Config]
    network: Network
    patches: Patches | None = ()
    applied: dict[str, Patches | None] = field(default_factory=dict)


class Residency:
    """Keeps networks in memory, patched as they were last asked for.

    One lock guards everything, and a network is borrowed under it, so calls from several threads
    run one after the other and each sees its own patches.

    Whoever asks for a network may give a ``check``: it is called between the tensors that are
    loaded or baked, before each call of the UNet and before each layer of the others, also when the
    network is called later. What it raises passes through; a load that it ended is forgotten, and a
    bake that it ended is completed by the next one.
    """

    def __init__(
        self,
        device: torch.device,
        dtype: torch.dtype,
        patcher: Patcher,
        budget: int | None = None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            device: where networks live and compute.
            dtype: of live weights; float32 is the exact one.
            patcher: applies LoRA files, ``engine.lora.LoraPatcher()``.
            budget: bytes of live weights to keep when another network is needed; half of the
                machine's memory by default. One network is always kept.
        """
        self._device = device
        self._dtype = dtype
        self._patcher = patcher
        self._budget = _half_of_memory() if budget is None else budget
        self._lock = threading.RLock()
        self._residents: OrderedDict[Part[Config], _Resident] = OrderedDict()
        self._counters = Counters()
        self._warm: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where networks compute; what is sampled with them belongs there, too."""
        return self._device

    @property
    def counters(self) -> Counters:
        return self._counters

    @property
    def warm(self) -> tuple[str, ...]:
        """Paths of the files whose weights are in memory, those of LoRAs too. Never waits."""
        return self._warm

    def unet(self, model: Model, check: Check = no_check) -> UNet:
        """The denoising network of ``model``, loaded and patched.

        Raises:
            WeightsError: the file is unusable, has changed, or holds no UNet.
        """
        checkpoint = inspect_checkpoint(model.source)
        part = _present(checkpoint.unet, model.source, "UNet")
        borrow = partial(self._borrow, part, model.patches, check)
        with borrow():
            return UNet(borrow, part.config, checkpoint.prediction)

    def text_encoder(self, clip: Clip, check: Check = no_check) -> TextEncoder:
        """The text network of ``clip``, loaded and patched. Raises WeightsError as ``unet``."""
        part = _present(inspect_checkpoint(clip.source).text, clip.source, "text encoder")
        borrow = partial(self._borrow_checked, part, clip.patches, check)
        with borrow():
            return TextEncoder(borrow, part.config)

    def vae(self, vae: Vae, check: Check = no_check) -> Autoencoder:
        """The autoencoder of ``vae``, loaded. Raises WeightsError as ``unet``."""
        part = _present(inspect_checkpoint(vae.source).vae, vae.source, "VAE")
        borrow = partial(self._borrow_checked, part, (), check)
        with borrow():
            return Autoencoder(borrow, part.config)

    def free(self) -> None:
        """Drop all networks. Those handed out stay valid and are loaded again when called."""
        with self._lock:
            while self._residents:
                self._drop_oldest()
            trim_memory()

    @contextmanager
    def _borrow(self, part: Part[Config], patches: Patches, check: Check) -> Iterator[nn.Module]:
        with self._lock:
            check()
            resident = self._resident(part, check)
            if resident.patches != patches:
                self._rebake(resident, patches, check)
            yield resident.network.module

    @contextmanager
    def _borrow_checked(
        self, part: Part[Config], patches: Patches, check: Check
    ) -> Iterator[nn.Module]:
        """``_borrow`` of a network that one call of may take long."""
        with self._borrow(part, patches, check) as module, checked(module, check):
            yield module

    def _resident(self, part: Part[Config], check: Check) -> _Resident:
        found = self._residents.get(part)
        if found is None:
            self._make_room(part.parameters)
            found = _Resident(part, load_network(part, self._device, self._dtype, check))
            self._residents[part] = found
            self._count(networks_loaded=1)
        self._residents.move_to_end(part)
        return found

    def _make_room(self, parameters: int) -> None:
        """Drop what was not used for longest until ``parameters`` more fit the budget."""
        dropped = False
        allowed = self._budget // self._dtype.itemsize
        while self._residents and parameters + sum(p.parameters for p in self._residents) > allowed:
            self._drop_oldest()
            dropped = True
        if dropped:
            trim_memory()

    def _drop_oldest(self) -> None:
        self._residents.popitem(last=False)
        self._count(networks_dropped=1)

    def _rebake(self, resident: _Resident, patches: Patches, check: Check) -> None:
        """Bring the network from the patches it has to ``patches``, by what differs alone."""
        wanted = self._entries(resident.part, patches)
        names = resident.applied.keys() | wanted.keys()
        changed = [n for n in sorted(names) if resident.applied.get(n, ()) != wanted.get(n, ())]
        resident.patches = None
        self._bake(resident, {name: wanted.get(name, ()) for name in changed}, check)
        resident.patches = patches
        self._count(parameters_baked=len(changed))

    def _entries(self, part: Part[Config], patches: Patches) -> dict[str, Patches]:
        """For each touched parameter the patches that touch it, in chain order."""
        entries: dict[str, Patches] = {}
        for patch in patches:
            if patch.strength == 0:
                continue
            for name in self._patcher.touched(patch.file, part):
                entries[name] = (*entries.get(name, ()), patch)
        return entries

    def _bake(self, resident: _Resident, wanted: dict[str, Patches], check: Check) -> None:
        files = {patch.file for entries in wanted.values() for patch in entries}
        part = resident.part
        with TensorFile(part.file) as base, self._patcher.opened(files, part) as add:
            for name, entries in wanted.items():
                check()
                resident.applied[name] = None
                live = resident.network.parameters[name].data
                if not entries:
                    base.read_into(part.place(name), live)
                    del resident.applied[name]
                    continue
                direct = live.dtype == torch.float32 and live.is_contiguous()
                tile = live if direct else torch.empty(live.shape, device=live.device)
                base.read_into(part.place(name), tile)
                add(name, entries, tile)
                if not direct:
                    live.copy_(tile)
                resident.applied[name] = entries

    def _count(self, **more: int) -> None:
        now = {name: getattr(self._counters, name) + n for name, n in more.items()}
        self._counters = replace(self._counters, **now)
        files = {path for one in self._residents.values() for path in _files(one)}
        self._warm = tuple(sorted(files))


def _files(resident: _Resident) -> Iterator[str]:
    yield resident.part.file.path
    yield from (patch.file.path for patch in resident.patches or () if patch.strength != 0)


_C = TypeVar("_C", bound=Config)


def _present(part: Part[_C] | None, file: WeightsFile, what: str) -> Part[_C]:
    if part is None:
        raise WeightsError(f"{file.name} holds no {what}; connect one from another file.")
    return part


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
