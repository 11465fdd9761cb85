"""Which parameters of a network a LoRA file changes, and where it does not fit.

Headers only, but for the few numbers that say what a header cannot: a new shape, and whether two
names for one module mean the same change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from engine.lora.algorithms import KINDS
from engine.lora.algorithms.dora import has_magnitude, magnitude_fits
from engine.lora.algorithms.kind import Shape, Shapes
from engine.lora.file import Change, LoraFile, read_lora
from engine.lora.keys import Targets, part_targets
from engine.lora.stems import Rows, Stem, ignored
from engine.weights.configs import Config
from engine.weights.handles import WeightsFile
from engine.weights.part import Part
from engine.weights.tensors import TensorFile

_SCALED_BY_ADAPTER = frozenset({"lora", "lora_bias"})


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A module whose name is known and whose shape is not the one the file was made for.

    ``file_shape`` is [out, in] or [out, in, kh, kw], as far as the factors tell.
    """

    module: str
    file_shape: tuple[int, ...]
    model_shape: tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """A change that a parameter of a network gets.

    Attributes:
        rows: which rows of the change it gets; None for all of them.
        scale: alpha / rank as an adapter's configuration has it; None where that says nothing.
        grown: the shape that the parameter is padded to; None for its own.
    """

    change: Change
    dialect: str
    rows: Rows | None = None
    scale: float | None = None
    grown: Shape | None = None


@dataclass(frozen=True)
class Match:
    """A file held against one network.

    Attributes:
        fits: by live parameter name, the change.
        mismatched: modules that are left alone because of their shape.
        unsupported: stems that name a module of this network and are left alone, with the reason.
        repeated: stems that name a parameter which another stem of the file named before, with
            another change.
        ignored: stems that mean something this network has no use for.
        known: all stems of the file that name a module of this network, ignored ones too.
    """

    fits: Mapping[str, Fit]
    mismatched: tuple[Mismatch, ...] = ()
    unsupported: tuple[tuple[str, str], ...] = ()
    repeated: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()


def match(lora: LoraFile, targets: Targets) -> Match:
    """Hold ``lora`` against the network that ``targets`` describes."""
    matcher = _Matcher(lora, targets)
    # The table's order is the order of preference among names for the same module.
    meant = [stem for stem in targets.stems if stem in lora.names]
    for stem in meant:
        for change in lora.changes.get(stem, ()):
            for target in targets.stems[stem]:
                matcher.hold(change, target)
        if stem in lora.unsupported:
            matcher.unsupported.append((stem, lora.unsupported[stem]))
    config = targets.config
    unused = sorted(s for s in lora.names if s not in targets.stems and ignored(config, s))
    return Match(
        matcher.fits,
        tuple(matcher.mismatched),
        tuple(matcher.unsupported),
        tuple(dict.fromkeys(matcher.repeated)),
        tuple(unused),
        frozenset((*meant, *unused)),
    )


def match_part(file: WeightsFile, part: Part[Config]) -> Match:
    """``match`` for a part of a checkpoint; remembered while both files are unchanged."""
    return _match_part(read_lora(file), part)


@lru_cache(maxsize=128)
def _match_part(lora: LoraFile, part: Part[Config]) -> Match:
    return match(lora, part_targets(part))


@dataclass
class _Matcher:
    """Holds the changes of one file against the modules of one network, one after the other."""

    lora: LoraFile
    targets: Targets
    fits: dict[str, Fit] = field(default_factory=dict)
    mismatched: list[Mismatch] = field(default_factory=list)
    unsupported: list[tuple[str, str]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def hold(self, change: Change, target: Stem) -> None:
        parameter = f"{target.module}.{change.leaf}"
        shape = self.targets.shapes.get(parameter)
        if shape is None:
            if f"{target.module}.weight" in self.targets.shapes:
                self.unsupported.append((change.stem, f"the module has no {change.leaf}"))
            return
        shapes = change.shapes(self.lora.shapes)
        grown = self._grown(change) if "reshape" in shapes else None
        whole = _whole(grown or shape, target.rows)
        reason = self._refusal(change, target.rows, shape, grown)
        if reason:
            self.unsupported.append((change.stem, reason))
        elif whole is None or not _fits(change, shapes, whole):
            made_for = KINDS[change.kind].made_for(shapes)
            self.mismatched.append(Mismatch(target.module, made_for, shape))
        elif parameter in self.fits:
            if not self._same(change, self.fits[parameter].change):
                self.repeated.append(change.stem)
        else:
            scale = self._scale(change, shapes, target.module)
            padded = None if grown == shape else grown
            self.fits[parameter] = Fit(change, target.dialect, target.rows, scale, padded)

    def _refusal(
        self, change: Change, rows: Rows | None, shape: Shape, grown: Shape | None
    ) -> str | None:
        """Why a change of this kind cannot be made at this place, whatever its numbers."""
        kind = KINDS[change.kind]
        if kind.linear_only and len(shape) > 2:
            return f"{kind.name} of a convolution"
        depends = not kind.additive or has_magnitude(change.factors)
        if rows is not None and depends:
            return f"{kind.name} of several modules in one"
        if grown in {None, shape}:
            return None
        return None if self.targets.grows else f"it makes the weight larger: {list(grown or ())}"

    def _grown(self, change: Change) -> Shape | None:
        with TensorFile(self.lora.file) as tensors:
            sizes = tensors.read(change.factors["reshape"]).flatten().tolist()
        sound = all(isinstance(size, int) and 0 < size < 1 << 20 for size in sizes)
        return tuple(sizes) if sound else ()

    def _scale(self, change: Change, shapes: Shapes, module: str) -> float | None:
        adapter = self.lora.adapter
        has_own = "alpha" in shapes or "scale" in shapes
        if adapter is None or has_own or change.kind not in _SCALED_BY_ADAPTER:
            return None
        rank = KINDS[change.kind].rank(shapes)
        return adapter.scale(self.targets.component, module, rank)

    def _same(self, one: Change, other: Change) -> bool:
        """Whether two changes have the same numbers."""
        if one.kind != other.kind or one.factors.keys() != other.factors.keys():
            return False
        pairs = [(name, other.factors[factor]) for factor, name in one.factors.items()]
        if any(self.lora.shapes[a] != self.lora.shapes[b] for a, b in pairs):
            return False
        with TensorFile(self.lora.file) as tensors:
            return all(torch.equal(tensors.read(a), tensors.read(b)) for a, b in pairs)


def _whole(shape: Shape, rows: Rows | None) -> Shape | None:
    """The shape of all that a stem means, given that of the one that has ``rows`` of it."""
    if rows is None:
        return shape
    return (rows.total, *shape[1:]) if shape[:1] == (rows.stop - rows.start,) else None


def _fits(change: Change, shapes: Shapes, shape: Shape) -> bool:
    numbers = (shapes[one] for one in ("alpha", "scale") if one in shapes)
    if not all(torch.Size(number).numel() == 1 for number in numbers):
        return False
    if has_magnitude(shapes) and not magnitude_fits(shapes, shape):
        return False
    return KINDS[change.kind].fits(shapes, shape)
