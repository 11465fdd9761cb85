"""What loading a LoRA file onto a model comes to: counts, names, and a sentence when it fails.

Headers only; nothing is applied here. The node shows the report and the history keeps it.
"""

from dataclasses import dataclass

from engine.lora.errors import LoraError
from engine.lora.family import WORDS, declared_family, guess_family
from engine.lora.file import LoraFile
from engine.lora.keys import TEXT_PREFIXES, UNET_PREFIXES
from engine.lora.match import Match, Mismatch, match_part
from engine.weights.checkpoint import Part, inspect_checkpoint
from engine.weights.configs import Config
from engine.weights.handles import Clip, Model

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoraReport:
    """How a file fits a model and a text encoder.

    Attributes:
        name: the file's name.
        matched_unet: modules of the UNet that the file changes.
        matched_text: modules of the text encoder that it changes.
        modules: how many modules the file holds in all.
        not_connected: modules for a network that is not connected.
        mismatched: modules left alone because their shape is another.
        unsupported: stems left alone, with the reason: an algorithm that is not supported, or a
            second name for a module.
        unmatched: names of tensors that mean nothing for these networks.
        declared: the family that the file's metadata names, or None.
        guessed: the family that its names and shapes are those of.
    """

    name: str
    matched_unet: int
    matched_text: int
    modules: int
    not_connected: int
    mismatched: tuple[Mismatch, ...]
    unsupported: tuple[tuple[str, str], ...]
    unmatched: tuple[str, ...]
    declared: str | None
    guessed: str

    @property
    def matched(self) -> int:
        return self.matched_unet + self.matched_text

    @property
    def warning(self) -> str | None:
        """A sentence about what was left out, or None when everything found its place."""
        problems = []
        if self.unmatched:
            problems.append(_listed("unknown names", self.unmatched))
        if self.mismatched:
            modules = tuple(mismatch.module for mismatch in self.mismatched)
            problems.append(_listed("modules of another shape", modules))
        if self.unsupported:
            stems = tuple(f"{stem} ({reason})" for stem, reason in self.unsupported)
            problems.append(_listed("unsupported modules", stems))
        if not problems:
            return None
        applied = f"{self.matched} of {self.modules} modules are applied"
        return f"{self.name}: {applied}; left out: {'; '.join(problems)}."


def report(lora: LoraFile, model: Model | None, clip: Clip | None) -> LoraReport:
    """Hold ``lora`` against what is connected; None stands for an input that is not connected.

    Raises:
        LoraError: no module of the file can be applied.
        WeightsError: a checkpoint's header cannot be read.
    """
    unet = None if model is None else inspect_checkpoint(model.source).unet
    text = None if clip is None else inspect_checkpoint(clip.source).text
    on_unet, on_text = _match(lora, unet), _match(lora, text)
    found = [m for m in (on_unet, on_text) if m is not None]
    absent = _for_absent(lora, unet is None, text is None)
    known = absent.union(*(m.known for m in found))
    unsupported = [(stem, lora.unsupported[stem]) for stem in sorted(lora.unsupported)]
    unsupported += [(stem, "second name for a module") for m in found for stem in m.repeated]
    foreign = sorted(name for stem in lora.factors.keys() - known for name in lora.names[stem])
    result = LoraReport(
        name=lora.file.name,
        matched_unet=len(on_unet.fits) if on_unet else 0,
        matched_text=len(on_text.fits) if on_text else 0,
        modules=len(lora.names),
        not_connected=len(absent),
        mismatched=tuple(mismatch for m in found for mismatch in m.mismatched),
        unsupported=tuple(unsupported),
        unmatched=tuple(sorted((*lora.unknown, *foreign))),
        declared=declared_family(lora.metadata),
        guessed=guess_family(lora.shapes, lora.metadata),
    )
    if not result.matched:
        raise LoraError(_nothing_matched(result))
    return result


def _match(lora: LoraFile, part: Part[Config] | None) -> Match | None:
    return None if part is None else match_part(lora.file, part)


def _for_absent(lora: LoraFile, no_unet: bool, no_text: bool) -> frozenset[str]:
    """Stems that are meant for a network that is not connected."""
    prefixes = (UNET_PREFIXES if no_unet else ()) + (TEXT_PREFIXES if no_text else ())
    return frozenset(stem for stem in lora.factors if stem.startswith(prefixes))


def _nothing_matched(found: LoraReport) -> str:
    """Why none of the modules fits, for the person who chose the file."""
    if not found.modules:
        return (
            f"{found.name} is not a LoRA: none of its {len(found.unmatched)} tensors is a factor."
        )
    start = f"{found.name}: 0 of {found.modules} modules fit, so nothing was applied"
    if found.not_connected == found.modules:
        return f"{start}; they are all for a network that is not connected here."
    counts = (
        (len(found.unmatched), "unknown names"),
        (len(found.mismatched), "modules of another shape"),
        (len(found.unsupported), "modules of an unsupported kind"),
        (found.not_connected, "modules for a network that is not connected"),
    )
    why = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"{start} ({why}). {_example(found)}{_made_for(found)}"


def _example(found: LoraReport) -> str:
    if not found.mismatched:
        return ""
    first = found.mismatched[0]
    return (
        f"For example {first.module} is {list(first.file_shape)} in the file and "
        f"{list(first.model_shape)} in the model. "
    )


def _made_for(found: LoraReport) -> str:
    if found.guessed == "unknown":
        return "It is not known which model the file was made for."
    other = " of another size" if found.guessed == "sd1" else ""
    return (
        f"The file seems to be made for {WORDS[found.guessed]}{other}; "
        "the model here is Stable Diffusion 1."
    )


def _listed(what: str, names: tuple[str, ...]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{more})"
