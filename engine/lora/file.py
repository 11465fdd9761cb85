"""A LoRA file as its header tells it: tensors grouped by the module they are meant for.

A tensor's name is a *stem* (which module) and a suffix (which factor). This file knows suffixes;
what stems mean is in ``keys.py``. No tensor bytes are read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engine.weights.handles import WeightsFile
from engine.weights.tensors import catalogue

Shape = tuple[int, ...]

# Suffix to factor; the suffixes of one stem say by which algorithm it was trained.
_FACTORS = {
    ".lora_up.weight": "up",
    ".lora_down.weight": "down",
    ".lora_mid.weight": "mid",
    ".alpha": "alpha",
    ".scale": "scale",
}
# Suffixes of algorithms that are not applied. A stem that has one is left alone as a whole:
# applying a part of it would be another change than the one that was trained.
_OTHERS = {
    ".dora_scale": "DoRA",
    ".hada_w1_a": "LoHa",
    ".hada_w1_b": "LoHa",
    ".hada_w2_a": "LoHa",
    ".hada_w2_b": "LoHa",
    ".hada_t1": "LoHa",
    ".hada_t2": "LoHa",
    ".lokr_w1": "LoKr",
    ".lokr_w1_a": "LoKr",
    ".lokr_w1_b": "LoKr",
    ".lokr_w2": "LoKr",
    ".lokr_w2_a": "LoKr",
    ".lokr_w2_b": "LoKr",
    ".lokr_t1": "LoKr",
    ".lokr_t2": "LoKr",
    ".a1.weight": "GLoRA",
    ".a2.weight": "GLoRA",
    ".b1.weight": "GLoRA",
    ".b2.weight": "GLoRA",
    ".bm.weight": "GLoRA",
    ".oft_blocks": "OFT",
    ".oft_diag": "OFT",
    ".rescale": "OFT",
    ".on_input": "(IA)^3",
    ".diff": "full difference",
    ".diff_b": "bias difference",
    ".set_weight": "set weight",
    ".w_norm": "norm",
    ".b_norm": "norm",
    ".reshape_weight": "reshaped weight",
    ".lora_A.weight": "PEFT names",
    ".lora_B.weight": "PEFT names",
    ".lora_B.bias": "PEFT names",
}


@dataclass(frozen=True, slots=True)
class Factors:
    """What a file holds for one module: the names of its tensors.

    Attributes:
        stem: their common name.
        up: [out, rank] or [out, rank, 1, 1]; "" when it is missing.
        down: [rank, in] or [rank, in, kh, kw]; "" when it is missing.
        mid: [rank, rank, kh, kw] of a Tucker decomposition, or "".
        alpha: one number; the scale is alpha / rank. Or "".
        scale: one number that replaces alpha / rank. Or "".
    """

    stem: str
    up: str = ""
    down: str = ""
    mid: str = ""
    alpha: str = ""
    scale: str = ""


@dataclass(frozen=True)
class LoraFile:
    """A file of low-rank factors.

    Attributes:
        factors: by stem, what can be applied.
        unsupported: by stem, the name of an algorithm that cannot be applied.
        unknown: tensors whose names are not those of a LoRA-family file.
        names: by stem, all of its tensors.
        shapes: of all tensors.
        metadata: the texts in the header.
    """

    file: WeightsFile
    factors: Mapping[str, Factors]
    unsupported: Mapping[str, str]
    unknown: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]
    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str]


def read_lora(source: WeightsFile | str | Path) -> LoraFile:
    """Read the header of a LoRA file; remembered while the file is unchanged.

    Raises:
        WeightsError: the file is missing, damaged, or holds code.
    """
    return _read(source if isinstance(source, WeightsFile) else WeightsFile.of(source))


@lru_cache(maxsize=256)
def _read(file: WeightsFile) -> LoraFile:
    header = catalogue(file)
    found: dict[str, dict[str, str]] = {}
    names: dict[str, tuple[str, ...]] = {}
    unsupported: dict[str, str] = {}
    unknown: list[str] = []
    for name in header.tensors:
        stem, suffix = _split(name)
        if suffix in _FACTORS:
            found.setdefault(stem, {})[_FACTORS[suffix]] = name
        elif suffix in _OTHERS:
            unsupported[stem] = _OTHERS[suffix]
        else:
            unknown.append(name)
            continue
        names[stem] = (*names.get(stem, ()), name)
    for stem in found.keys() - unsupported.keys():
        if not {"up", "down"} <= found[stem].keys():
            unknown.extend(names.pop(stem))
    factors = {s: Factors(s, **found[s]) for s in found if s in names and s not in unsupported}
    shapes = {name: entry.shape for name, entry in header.tensors.items()}
    unknown.sort()
    return LoraFile(file, factors, unsupported, tuple(unknown), names, shapes, header.metadata)


def _split(name: str) -> tuple[str, str]:
    """Stem and suffix by the longest suffix that is known; the whole name and "" otherwise."""
    dots = [at for at, letter in enumerate(name) if letter == "."]
    for at in dots:  # the earliest dot gives the longest suffix
        if name[at:] in _FACTORS or name[at:] in _OTHERS:
            return name[:at], name[at:]
    return name, ""
