"""The folders of an installation: model folders by kind, and input, output, temp and user.

The lists are read from disk when asked for; nothing is remembered, so a file that was just copied
in is there at the next question.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.files.confine import PathRefused, confine

MODEL_KINDS = (
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
)
MODEL_SUFFIXES = frozenset(
    (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl"),
)
# Kinds whose files older workflows and installations keep in a folder of another name, too.
_OLD_NAMES = {"text_encoders": "clip", "diffusion_models": "unet"}
# A model of several files, in a folder that holds one of this name, is listed by the folder's.
_INDEX_OF = {"diffusers": "model_index.json"}
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
# What `/view` and annotated names such as `x.png [output]` may ask for.
PLACES = ("input", "output", "temp")


class FileMissing(ValueError):
    """A file that a graph names is not in its folder. The text says where it was looked for."""


@dataclass(frozen=True)
class Folders:
    """Where this installation keeps things.

    ``shipped`` is a second root of models that comes with the package (the starter models); files
    in ``base`` win over files of the same name there.
    """

    base: Path
    shipped: Path | None = None
    places: Mapping[str, Path] | None = None

    @cached_property
    def input(self) -> Path:
        return self.place("input")

    @cached_property
    def output(self) -> Path:
        return self.place("output")

    @cached_property
    def temp(self) -> Path:
        return self.place("temp")

    @cached_property
    def user(self) -> Path:
        return self.place("user")

    @cached_property
    def custom_nodes(self) -> Path:
        return self.place("custom_nodes")

    def place(self, name: str) -> Path:
        """The folder called ``input``, ``output``, ``temp``, ``user`` or ``custom_nodes``."""
        return (self.places or {}).get(name, self.base / name)

    def roots(self, kind: str) -> tuple[Path, ...]:
        """The folders that hold models of ``kind``, in the order in which they are searched."""
        names = (kind, _OLD_NAMES[kind]) if kind in _OLD_NAMES else (kind,)
        roots = [self.base / "models" / name for name in names]
        if self.shipped is not None and self.shipped != self.base / "models":
            roots.append(self.shipped / kind)
        return tuple(roots)

    def names(self, kind: str) -> tuple[str, ...]:
        """Sorted relative names (``/`` between folders) of the files of ``kind``.

        ``kind`` is a model kind, or ``input`` for the pictures a LoadImage node may offer.
        """
        if kind in PLACES:
            return tuple(sorted(_walk(self.place(kind), IMAGE_SUFFIXES, deep=False)))
        roots = self.roots(kind)
        if kind in _INDEX_OF:
            files = {Path(name) for root in roots for name in _walk(root, frozenset((".json",)))}
            models = {path.parent.as_posix() for path in files if path.name == _INDEX_OF[kind]}
            return tuple(sorted(models - {"."}))
        return tuple(sorted({name for root in roots for name in _walk(root, MODEL_SUFFIXES)}))

    def find(self, kind: str, name: str) -> Path:
        """The file called ``name`` of ``kind``; for ``input`` an annotated name is understood.

        Of a model that is a folder it is the file that names its parts.

        Raises:
            PathRefused: the name tries to leave its folder.
            FileMissing: there is no such file.
        """
        if kind in PLACES:
            return self.find_picture(name, kind)
        name = name.replace("\\", "/")  # workflows saved on Windows name sub-folders this way
        for root in self.roots(kind):
            path = confine(root, name)
            if kind in _INDEX_OF:
                path /= _INDEX_OF[kind]
            if path.is_file():
                return path
        raise FileMissing(
            f"'{name}' is not in models/{kind}. Put the file there, or choose another one."
        )

    def find_picture(self, name: str, place: str = "input") -> Path:
        """The picture ``name`` of a place; ``name [output]`` asks for another place.

        Raises:
            PathRefused: the name tries to leave its folder.
            FileMissing: there is no such file.
        """
        name, place = split_annotation(name, place)
        path = confine(self.place(place), name)
        if not path.is_file():
            raise FileMissing(
                f"'{name}' is not in the {place} folder. Upload it or choose another."
            )
        return path


def split_annotation(name: str, place: str) -> tuple[str, str]:
    """``("x.png", "output")`` for ``x.png [output]``; ``place`` stays when nothing is annotated."""
    for known in PLACES:
        if name.endswith(f"[{known}]"):
            return name[: -len(known) - 2].rstrip(), known
    return name, place


def _walk(root: Path, suffixes: frozenset[str], *, deep: bool = True) -> list[str]:
    """Names below ``root`` with one of ``suffixes``; links are followed, loops are not."""
    found: list[str] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if f != ".git") if deep else []
        relative = Path(folder).relative_to(root)
        found += [
            (relative / file).as_posix()
            for file in files
            if Path(file).suffix.lower() in suffixes and not file.startswith(".")
        ]
    return found


__all__ = ["FileMissing", "Folders", "PathRefused", "split_annotation"]
