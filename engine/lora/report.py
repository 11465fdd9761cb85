"""What loading a LoRA file onto a model comes to: counts, names, and a sentence when it fails.

Headers only; nothing is applied here. The node shows the report and the history keeps it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from engine.lora.algorithms import KINDS
from engine.lora.errors import LoraError
from engine.lora.family import declared_family, guess_family
from engine.lora.file import LoraFile
from engine.lora.match import Match, match_part
from engine.lora.outcome import LoraReport
from engine.lora.refusal import nothing_matched, warning_of
from engine.lora.stems import component_of, is_text
from engine.weights.configs import Config
from engine.weights.handles import Clip, Model
from engine.weights.part import Part
from engine.weights.resolve import texts_of, unet_of
from engine.weights.trained import FAMILY_WORDS

T = TypeVar("T")


def report(lora: LoraFile, model: Model | None, clip: Clip | None) -> LoraReport:
    """Hold ``lora`` against what is connected; None stands for an input that is not connected.

    Raises:
        LoraError: no module of the file can be applied.
        WeightsError: a checkpoint's header cannot be read.
    """
    parts: list[Part[Config]] = []
    base = ""
    if model is not None:
        unet, trained = unet_of(model)
        parts.append(unet)
        base = FAMILY_WORDS[trained.family]
    if clip is not None:
        parts += texts_of(clip)
    result = _held(lora, tuple(parts), model is None, clip is None, base)
    if not result.matched:
        raise LoraError(nothing_matched(result, lora.shapes))
    return result


@lru_cache(maxsize=128)
def _held(
    lora: LoraFile, parts: tuple[Part[Config], ...], no_unet: bool, no_text: bool, base: str
) -> LoraReport:
    """Remembered, because a node that loads a file runs again when a strength changes."""
    found = [(part, match_part(lora.file, part)) for part in parts]
    absent = _for_absent(lora, no_unet=no_unet, no_text=no_text)
    result = _report(lora, found, absent, base)
    return replace(result, warning=warning_of(result))


def _report(
    lora: LoraFile, found: Sequence[tuple[Part[Config], Match]], absent: frozenset[str], base: str
) -> LoraReport:
    components: Counter[str] = Counter()
    for part, one in found:
        components[component_of(part.config)] += len(_modules(one))
    matches = [one for _, one in found]
    known = absent.union(*(one.known for one in matches))
    foreign = (name for stem in lora.names.keys() - known for name in lora.names[stem])
    fits = [fit for one in matches for fit in one.fits.values()]
    ranks = (KINDS[f.change.kind].rank(f.change.shapes(lora.shapes)) for f in fits)
    return LoraReport(
        name=lora.file.name,
        components=components,
        modules=len(lora.names),
        not_connected=len(absent),
        mismatched=tuple(mismatch for one in matches for mismatch in one.mismatched),
        unsupported=tuple(_unsupported(lora, matches)),
        unmatched=tuple(sorted((*lora.unknown, *foreign))),
        ignored=tuple(sorted({stem for one in matches for stem in one.ignored})),
        dialects=tuple(_counted(fit.dialect for fit in fits)),
        algorithms=_counted(KINDS[fit.change.kind].name for fit in fits),
        ranks=_counted(rank for rank in ranks if rank),
        embeddings=lora.embeddings,
        declared=declared_family(lora.metadata),
        guessed=guess_family(lora.shapes, lora.metadata),
        base=base,
    )


def _modules(one: Match) -> set[str]:
    return {parameter.rpartition(".")[0] for parameter in one.fits}


def _counted(things: Iterable[T]) -> dict[T, int]:
    """How many there are of each, most first."""
    return dict(Counter(things).most_common())


def _unsupported(lora: LoraFile, matches: Iterable[Match]) -> Iterable[tuple[str, str]]:
    for one in matches:
        yield from one.unsupported
        yield from ((stem, "second name for a module") for stem in one.repeated)
    yield from (
        (stem, f"{names}, beside another algorithm") for stem, names in lora.clashes.items()
    )


def _for_absent(lora: LoraFile, *, no_unet: bool, no_text: bool) -> frozenset[str]:
    """Stems that are meant for a network that is not connected."""
    return frozenset(stem for stem in lora.names if (no_text if is_text(stem) else no_unet))
