"""The sentences about a LoRA that does not fit, or not wholly."""

from collections.abc import Iterable

from engine.lora.family import WORDS
from engine.lora.foreign import what_it_is
from engine.lora.outcome import LoraReport

_SHOWN = 5


def warning_of(found: LoraReport) -> str | None:
    """What was left out; None when everything found its place."""
    problems = []
    if found.unmatched:
        problems.append(_listed("unknown names", found.unmatched))
    if found.mismatched:
        modules = tuple(mismatch.module for mismatch in found.mismatched)
        problems.append(_listed("modules of another shape", modules))
    if found.unsupported:
        stems = tuple(f"{stem} ({reason})" for stem, reason in found.unsupported)
        problems.append(_listed("unsupported changes", stems))
    if not problems:
        return None
    applied = f"{found.matched} of {found.modules} modules are applied"
    sentence = f"{found.name}: {applied}; left out: {'; '.join(problems)}."
    other = found.guessed != "unknown" and found.base and WORDS[found.guessed] != found.base
    return f"{sentence} {_made_for(found)}" if other and not _may_be(found) else sentence


def nothing_matched(found: LoraReport, names: Iterable[str]) -> str:
    """Why none of the modules fits, for the person who chose the file."""
    if not found.modules:
        kind = what_it_is(names)
        seems = f" It seems to be {kind}." if kind else ""
        count = len(found.unmatched) + len(found.embeddings)
        return f"{found.name} is not a LoRA: none of its {count} tensors is a factor.{seems}"
    start = f"{found.name}: 0 of {found.modules} modules fit, so nothing was applied"
    if found.not_connected == found.modules:
        return f"{start}; they are all for a network that is not connected here."
    counts = (
        (len(found.unmatched), "unknown names"),
        (len(found.mismatched), "modules of another shape"),
        (len(found.unsupported), "changes of an unsupported kind"),
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
    other = " of another size" if WORDS[found.guessed] == found.base else ""
    here = f"; the model here is {found.base}" if found.base else ""
    return f"The file seems to be made for {WORDS[found.guessed]}{other}{here}."


def _may_be(found: LoraReport) -> bool:
    """Whether a guess that names two families includes the one at hand."""
    ambiguous = {
        "sd1_or_sd2": ("sd1", "sd2"),
        "sd1_or_sdxl_clip_l": ("sd1", "sdxl"),
    }
    return found.base in {WORDS[family] for family in ambiguous.get(found.guessed, ())}


def _listed(what: str, names: tuple[str, ...]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{more})"
