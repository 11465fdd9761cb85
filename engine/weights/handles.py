"""What flows along MODEL, CLIP and VAE links: handles to weights, not weights.

Handles are immutable, cheap, hashable and picklable. Nothing here opens a file's contents or
imports torch; ``residency.py`` turns a handle into a live network when something samples with it.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from engine.weights.errors import WeightsError


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One state of one file on disk: replacing the file's contents makes another value."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """The file at ``path`` as it is now.

        Raises:
            WeightsError: there is no such file.
        """
        try:
            stat = Path(path).stat()
        except OSError as error:
            raise WeightsError(
                f"The file {Path(path).name} cannot be read: {error.strerror}."
            ) from error
        return cls(str(path), stat.st_size, stat.st_mtime_ns)

    @property
    def name(self) -> str:
        """The last part of the path, for messages."""
        return Path(self.path).name


@dataclass(frozen=True, slots=True)
class LoraPatch:
    """A LoRA-family file applied with a strength; 0 changes nothing, negative is allowed."""

    file: WeightsFile
    strength: float


@dataclass(frozen=True, slots=True)
class Model:
    """A denoising network: the weights file it is in and the patches on it, in order.

    ``options`` say how it is to be sampled. They are values of the sampling package, which acts
    upon them in their order (``engine/sampling/model.py``); weights know nothing of them.

    Attributes:
        stored: what its weights are to be kept in; "" leaves it to the device.
        marks: names that say what it was trained for, as if they were in the file (``marks.py``).
    """

    source: WeightsFile
    patches: tuple[LoraPatch, ...] = ()
    options: tuple[Hashable, ...] = ()
    stored: Literal["", "fp8_e4m3fn", "fp8_e5m2"] = ""
    marks: frozenset[str] = frozenset()

    def patched(self, patch: LoraPatch) -> Self:
        return replace(self, patches=(*self.patches, patch))

    def with_option(self, option: Hashable) -> Self:
        return replace(self, options=(*self.options, option))


@dataclass(frozen=True, slots=True)
class Clip:
    """The text networks of a model, with patches.

    Attributes:
        stop_at_layer: the layer its output is taken from, -1 the last; None for the layer that the
            model was trained with.
        more: further files, where the networks are not all in ``source``.
        on_cpu: whether it is kept off the GPU.
        options: how prompts are to be encoded with it: values of the sampling package
            (``engine/sampling/lora_hooks.py``), of which weights know nothing.
    """

    source: WeightsFile
    patches: tuple[LoraPatch, ...] = ()
    stop_at_layer: int | None = None
    more: tuple[WeightsFile, ...] = ()
    on_cpu: bool = False
    options: tuple[Hashable, ...] = ()

    @property
    def sources(self) -> tuple[WeightsFile, ...]:
        return (self.source, *self.more)

    def patched(self, patch: LoraPatch) -> Self:
        return replace(self, patches=(*self.patches, patch))

    def stopped_at(self, layer: int) -> Self:
        return replace(self, stop_at_layer=layer)

    def with_option(self, option: Hashable) -> Self:
        return replace(self, options=(*self.options, option))


@dataclass(frozen=True, slots=True)
class Vae:
    """An autoencoder between pictures and latents."""

    source: WeightsFile
