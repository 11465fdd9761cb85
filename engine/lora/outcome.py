"""What loading a LoRA file came to, as a value for nodes and routes. How: ``report.py``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.lora.match import Mismatch


@dataclass(frozen=True, slots=True)
class LoraReport:
    """How a file fits a model and a text encoder.

    Attributes:
        name: the file's name.
        components: how many modules of each ("unet", "text_encoder", ...) it changes.
        modules: how many modules the file holds in all.
        not_connected: modules for a network that is not connected.
        mismatched: modules left alone because their shape is another.
        unsupported: stems left alone, or tensors of them, with the reason.
        unmatched: names of tensors that mean nothing for these networks.
        ignored: stems that these networks have no use for, so that nothing is lost.
        dialects: ways in which the names are written, those of most modules first.
        algorithms: how many changes are of which algorithm.
        ranks: how many changes have which rank, of those that have one.
        embeddings: names of textual-inversion vectors inside.
        declared: the family that the file's metadata names, or None.
        guessed: the family that its names and shapes are those of.
        base: what the model's family is called; "" without a model.
        warning: a sentence about what was left out; None when everything found its place.
    """

    name: str
    components: Mapping[str, int]
    modules: int
    not_connected: int
    mismatched: tuple[Mismatch, ...]
    unsupported: tuple[tuple[str, str], ...]
    unmatched: tuple[str, ...]
    ignored: tuple[str, ...]
    dialects: tuple[str, ...]
    algorithms: Mapping[str, int]
    ranks: Mapping[int, int]
    embeddings: tuple[str, ...]
    declared: str | None
    guessed: str
    base: str
    warning: str | None = None

    @property
    def matched(self) -> int:
        """Modules that are changed."""
        return sum(self.components.values())

    @property
    def matched_unet(self) -> int:
        return self.components.get("unet", 0)

    @property
    def matched_text(self) -> int:
        return self.matched - self.matched_unet

    def as_json(self) -> dict[str, Any]:
        """The report for a node's output and for HTTP."""
        return {
            "name": self.name,
            "matched": dict(self.components),
            "matched_model": self.matched_unet,
            "matched_clip": self.matched_text,
            "modules": self.modules,
            "not_connected": self.not_connected,
            "mismatched": [
                {"module": m.module, "file": list(m.file_shape), "model": list(m.model_shape)}
                for m in self.mismatched
            ],
            "unsupported": [{"stem": stem, "reason": why} for stem, why in self.unsupported],
            "unmatched": list(self.unmatched),
            "ignored": list(self.ignored),
            "dialects": list(self.dialects),
            "algorithms": dict(self.algorithms),
            "ranks": {str(rank): count for rank, count in self.ranks.items()},
            "embeddings": list(self.embeddings),
            "declared": self.declared,
            "family": self.guessed,
            "base": self.base,
            "warning": self.warning,
        }
