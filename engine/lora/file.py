"""A LoRA file as its header tells it: tensors grouped into changes of modules.

No numbers are read here, and nothing is known of networks: see ``match.py``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from engine.lora.adapter import AdapterConfig, config_beside, read_adapter
from engine.lora.algorithms import KINDS
from engine.lora.algorithms.kind import Shape, Shapes
from engine.lora.errors import LoraError
from engine.lora.suffixes import BIASES, plain, split, without_adapter
from engine.lora.unnamed import EMBEDDED, named
from engine.weights.handles import WeightsFile
from engine.weights.tensors import catalogue

Leaf = Literal["weight", "bias"]
# Things with names of their own that some files carry along.
_BUNDLED = re.compile(r"bundle_emb\.(.+)\.(?:clip_[lg]|string_to_param\..+|emb_params)$")
_UNSUPPORTED = {
    "sparse_bias": "a sparse bias of early LyCORIS",
    "bm": "GLoRA with a middle factor",
}


@dataclass(frozen=True)
class Change:
    """What a file holds for one parameter of one module.

    Attributes:
        stem: which module, as the file writes it.
        kind: the algorithm, a key of ``KINDS``.
        factors: by factor, the name of the tensor.
        leaf: which parameter of the module.
    """

    stem: str
    kind: str
    factors: Mapping[str, str]
    leaf: Leaf = "weight"

    def shapes(self, of: Mapping[str, Shape]) -> Shapes:
        """Shapes of the factors, given those of the file's tensors."""
        return {factor: of[name] for factor, name in self.factors.items()}


@dataclass(frozen=True, eq=False)
class LoraFile:
    """A file of the LoRA family. Each is read once, so the same file is the same object.

    Attributes:
        changes: by stem, of its weight and of its bias.
        unsupported: by stem, what cannot be applied. Such a stem is left alone as a whole: a part
            of it would be another change than the one that was trained.
        clashes: stems with two algorithms for one weight, with the names of those that were left.
        unknown: tensors whose names are not those of a LoRA-family file.
        embeddings: names of the textual-inversion vectors inside.
        names: by stem, all of its tensors.
        shapes: of all tensors.
        metadata: the texts in the header.
        adapter: what a PEFT configuration says about scales.
    """

    file: WeightsFile
    changes: Mapping[str, tuple[Change, ...]]
    unsupported: Mapping[str, str]
    clashes: Mapping[str, str]
    unknown: tuple[str, ...]
    embeddings: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]
    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str]
    adapter: AdapterConfig | None


def read_lora(source: WeightsFile | str | Path) -> LoraFile:
    """Read the header of a LoRA file; remembered while the file is unchanged.

    Raises:
        WeightsError: the file is missing, damaged, or holds code.
        LoraError: it holds several adapters.
    """
    file = source if isinstance(source, WeightsFile) else WeightsFile.of(source)
    return _read(file, config_beside(file))


@lru_cache(maxsize=256)
def _read(file: WeightsFile, config: WeightsFile | None) -> LoraFile:
    header = catalogue(file)
    shapes = {name: entry.shape for name, entry in header.tensors.items()}
    clear = named(shapes, header.metadata) or _clear(file, shapes)
    sorter = _Sorter(shapes)
    for name, written in clear.items():
        sorter.put(name, written)
    found = sorter.changes()
    adapter = read_adapter(header.metadata, config)
    return LoraFile(
        file,
        found,
        sorter.unsupported,
        sorter.clashes,
        tuple(sorted(sorter.unknown)),
        tuple(dict.fromkeys(sorter.embeddings)),
        sorter.names,
        shapes,
        header.metadata,
        adapter,
    )


def _clear(file: WeightsFile, names: Iterable[str]) -> dict[str, str]:
    """Each tensor's name, and that name without what some tools add to it."""
    adapters: set[str] = set()
    clear = {}
    for name in names:
        clear[name], adapter = without_adapter(plain(name))
        if adapter:
            adapters.add(adapter)
    if len(adapters) > 1:
        raise LoraError(
            f"{file.name} holds {len(adapters)} adapters ({', '.join(sorted(adapters))}); save the "
            "one that is wanted into a file of its own."
        )
    return clear


class _Sorter:
    """Puts the tensors of one file in their places."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._found: dict[str, dict[str, dict[str, str]]] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.unsupported: dict[str, str] = {}
        self.clashes: dict[str, str] = {}
        self.unknown: list[str] = []
        self.embeddings: list[str] = []

    def put(self, name: str, written: str) -> None:
        """Take up tensor ``name``, which is to be read as ``written``."""
        bundled = _BUNDLED.match(written)
        if bundled or written == EMBEDDED:
            self.embeddings.append(bundled[1] if bundled else name)
            return
        taken = split(written, self._shapes[name])
        if taken is None:
            self.unknown.append(name)
            return
        self._found.setdefault(taken.stem, {}).setdefault(taken.algorithm, {})[taken.factor] = name
        self.names[taken.stem] = (*self.names.get(taken.stem, ()), name)

    def changes(self) -> dict[str, tuple[Change, ...]]:
        """All complete changes by stem; what is left of others is unknown."""
        changes = {}
        for stem, algorithms in self._found.items():
            reason = _refused(algorithms)
            if reason:
                self.unsupported[stem] = reason
                continue
            found = tuple(self._of(stem, algorithms))
            if found:
                changes[stem] = found
            used = {name for change in found for name in change.factors.values()}
            lost = [name for name in self.names[stem] if name not in used]
            if stem in self.clashes:
                continue
            self.unknown += lost
            self.names[stem] = tuple(name for name in self.names[stem] if name in used)
        self.names = {stem: names for stem, names in self.names.items() if names}
        return changes

    def _of(self, stem: str, algorithms: Mapping[str, Mapping[str, str]]) -> Iterator[Change]:
        shared = algorithms.get("", {})
        whole = [kind for kind in KINDS if _complete(kind, algorithms) and kind not in BIASES]
        if len(whole) > 1:
            self.clashes[stem] = ", ".join(KINDS[kind].name for kind in whole[:-1])
        for kind in whole[-1:]:
            # The rescaling of BOFT has the suffix of OFT.
            more = algorithms.get("oft", {}) if kind == "boft" else {}
            yield Change(stem, kind, {**shared, **more, **algorithms[kind]})
        for name, kind in BIASES.items():
            if name in algorithms:
                factors = dict(algorithms[name])
                if name == "lora_bias":
                    factors = {**shared, **algorithms.get("lora", {}), **factors}
                if KINDS[kind].complete(factors):
                    yield Change(stem, kind, factors, "bias")


def _complete(kind: str, algorithms: Mapping[str, Mapping[str, str]]) -> bool:
    return kind in algorithms and KINDS[kind].complete(algorithms[kind])


def _refused(algorithms: Mapping[str, Mapping[str, str]]) -> str:
    if "sparse_bias" in algorithms:
        return _UNSUPPORTED["sparse_bias"]
    return _UNSUPPORTED["bm"] if "bm" in algorithms.get("glora", {}) else ""
