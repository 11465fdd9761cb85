"""The embeddings of an installation: found by name, and as learned vectors for a text network.

How a file is read is in `embedding_file.py`; how prompts name embeddings, in `references.py` and
`webui/chunks.py`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from engine.files.confine import PathRefused, confine
from engine.text.embedding_file import (
    FAMILIES,
    KEYS,
    EmbeddingError,
    EmbeddingFile,
    read_embedding,
)
from engine.text.vectors import Row
from engine.weights.handles import WeightsFile

# Tried in this order where a name has no such file.
SUFFIXES = (".safetensors", ".pt", ".bin")
_LISTED = (*SUFFIXES, ".png")


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """What a menu tells of an embedding: how many vectors, for whom."""

    name: str
    vectors: int
    family: str


class Embeddings:
    """The files below some folders as they are now, and embeddings that LoRA files bring along.

    Each file is read once, when it is first used. Made anew for each prompt: a file that was just
    copied in is there. Not for several threads.
    """

    def __init__(self, roots: Sequence[Path], bundles: Iterable[EmbeddingFile] = ()) -> None:
        """`roots` are searched in their order, the folders in each by their paths."""
        self._folders = [folder for root in roots for folder in _folders(root)]
        self._bundled = {name: one.only(name) for one in bundles for name in one.bundled}
        self._read: dict[WeightsFile, EmbeddingFile] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names that a prompt can say: file stems, and bundled ones; each once, in search order."""
        stems = (
            file.stem
            for _, folder in self._folders
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in _LISTED
        )
        return tuple(dict.fromkeys((*self._bundled, *stems)))

    def find(self, name: str) -> EmbeddingFile | None:
        """The embedding called `name`, which may lie in a sub-folder, or None.

        Raises EmbeddingError when its file cannot be read.
        """
        if name in self._bundled:
            return self._bundled[name]
        path = self._path(name, ("", *_LISTED))
        if path is None:
            return None
        file = WeightsFile.of(path)
        if file not in self._read:
            self._read[file] = read_embedding(file)
        return self._read[file]

    def facts(self, name: str) -> EmbeddingFacts | None:
        """What a menu tells of embedding `name`, or None. Raises EmbeddingError."""
        found = self.find(name)
        if found is None:
            return None
        held = found.contents if isinstance(found.contents, Mapping) else {}
        kinds = [kind for kind, key in KEYS.items() if any(key in str(name) for name in held)]
        tables = [found.vectors(kind) for kind in kinds or ["l"]]
        family = " and ".join(dict.fromkeys(_family(table.shape[-1]) for table in tables))
        return EmbeddingFacts(
            name, max(len(table) for table in tables), "SDXL" if len(kinds) > 1 else family
        )

    def _path(self, name: str, suffixes: Sequence[str]) -> Path | None:
        if not name:
            return None
        for root, folder in self._folders:
            inside = folder.relative_to(root).as_posix()
            for suffix in suffixes:
                try:
                    path = confine(root, f"{inside}/{name}{suffix}")
                except PathRefused:
                    continue
                if path.is_file():
                    return path
        return None


@dataclass(slots=True)
class NetworkLexicon:
    """The embeddings that one text network can be given. A `Lexicon` that also knows the numbers.

    Attributes:
        kind: the network's: "l", "h", "g" or "t5xxl".
        width: of its token embeddings.
    """

    embeddings: Embeddings
    kind: str
    width: int
    _tables: dict[str, Tensor] = field(default_factory=dict)

    def rows(self, name: str) -> Sequence[Row] | None:
        """See `Lexicon`. Raises EmbeddingError when the file cannot be read."""
        found = self.embeddings.find(name)
        if found is None:
            return None
        table = found.vectors(self.kind, self.width)
        if table.shape[-1] != self.width:
            return ()
        contents = blake2b(table.contiguous().numpy().tobytes(), digest_size=16).hexdigest()
        self._tables[contents] = table
        return [Row(contents, index) for index in range(len(table))]

    def numbers(self, rows: Sequence[Row]) -> Tensor | None:
        """What `rows`, which this lexicon gave, hold: float32 [n, width]; None for no rows."""
        if not rows:
            return None
        return torch.stack([self._tables[row.contents][row.number] for row in rows])


def misfit(name: str, embeddings: Embeddings, networks: Sequence[tuple[str, int]]) -> str:
    """The sentence for an embedding that fits none of `networks`, given by kind and width."""
    found = embeddings.find(name)
    widths = {found.vectors(*network).shape[-1] for network in networks} if found else set()
    held = ", ".join(f"{width} ({_family(width)})" for width in sorted(widths))
    taken = ", ".join(str(width) for _, width in networks)
    return (
        f"The embedding {name} holds vectors of width {held}, and the text encoder of this model "
        f"takes {taken}: it was made for another family of models. Take it out of the prompt, or "
        "choose one for this model."
    )


def _family(width: int) -> str:
    return FAMILIES.get(width, "an unknown family")


def _folders(root: Path) -> list[tuple[Path, Path]]:
    """`root` and every folder below it, by their paths; links are followed, loops are not."""
    found: list[tuple[Path, Path]] = []
    seen: set[str] = set()
    for folder, below, _ in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below.sort()
        found.append((root, Path(folder)))
    return sorted(found)


__all__ = ["EmbeddingError", "EmbeddingFacts", "Embeddings", "NetworkLexicon", "misfit"]
