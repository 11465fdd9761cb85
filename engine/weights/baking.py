"""Bringing a live network from the patches it has to others, by what differs alone.

A live weight is always computed from the pristine file and the whole list of entries that touch
it, in float32, rounded once; nothing is ever subtracted. So taking a LoRA off leaves the very
bytes of a network that never had it, and a change of one strength costs the parameters that the
LoRA touches. How entries are added is ``engine/lora``'s business, see ``patching.py``.
"""

import torch

from engine.weights.cancel import Check
from engine.weights.configs import Config
from engine.weights.ledger import Patches, Resident
from engine.weights.networks import keep
from engine.weights.part import Part
from engine.weights.patching import Patcher
from engine.weights.tensors import TensorFile


def rebake(resident: Resident, patches: Patches, patcher: Patcher, check: Check) -> int:
    """Apply ``patches`` and nothing else; how many parameters that took.

    ``check`` is called before each parameter. What it raises passes through; the next call
    completes what it ended.
    """
    wanted = _entries(resident.part, patches, patcher)
    names = resident.applied.keys() | wanted.keys()
    changed = [n for n in sorted(names) if resident.applied.get(n, ()) != wanted.get(n, ())]
    resident.patches = None
    _bake(resident, {name: wanted.get(name, ()) for name in changed}, patcher, check)
    resident.patches = patches
    return len(changed)


def _entries(part: Part[Config], patches: Patches, patcher: Patcher) -> dict[str, Patches]:
    """For each touched parameter the patches that touch it, in chain order."""
    entries: dict[str, Patches] = {}
    for patch in patches:
        if patch.strength == 0:
            continue
        for name in patcher.touched(patch.file, part):
            entries[name] = (*entries.get(name, ()), patch)
    return entries


def _bake(resident: Resident, wanted: dict[str, Patches], patcher: Patcher, check: Check) -> None:
    files = {patch.file for entries in wanted.values() for patch in entries}
    part = resident.part
    with TensorFile(part.file) as base, patcher.opened(files, part) as add:
        for name, entries in wanted.items():
            check()
            resident.applied[name] = None
            live = resident.network.parameters[name].data
            direct = live.dtype == torch.float32 and live.is_contiguous()
            exact = live if direct else torch.empty(live.shape, device=live.device)
            base.read_into(part.place(name), exact)
            if entries:
                add(name, entries, exact)
            if not direct:
                keep(live, exact)
            if entries:
                resident.applied[name] = entries
            else:
                del resident.applied[name]
