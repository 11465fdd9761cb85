"""Files of textual inversion: the vectors in them, for a text network of some kind and width.

Reads webui's `.pt`, diffusers' `.bin` and `.safetensors`, kohya's, SDXL pairs, lists of tables,
vectors that are bundled in LoRA files, and pictures that carry vectors in a text chunk. Nothing in
a file is ever run. Source of the formats: the prompt specification, sections 3 and 8.
"""

import base64
import binascii
import json
import pickle
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.pickles import DAMAGE, inert, is_pickle
from engine.weights.tensors import TensorFile

# A text network's name in files of embeddings, by its kind.
KEYS: Mapping[str, str] = {"l": "clip_l", "g": "clip_g", "h": "clip_h", "t5xxl": "t5xxl"}
FAMILIES: Mapping[int, str] = {768: "SD1", 1024: "SD2", 1280: "SDXL", 4096: "T5"}
PICTURE_KEY = "sd-ti-embedding"
BUNDLE = "bundle_emb."
# A hundred vectors for the widest network are 2 MB.
MAX_BYTES = 256 << 20

_PNG = b"\x89PNG"
# A PNG may be damaged in further ways than a file of weights.
_DAMAGED = (*DAMAGE, pickle.UnpicklingError, RecursionError, SyntaxError)


class EmbeddingError(ValueError):
    """An embedding cannot be used. The text is a sentence for the person at the canvas."""


class _Parameters:
    """Stands for the module that old versions of webui kept their vectors in."""

    held: Mapping[str, Tensor] = MappingProxyType({})  # of one that comes without a state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Versions of torch differ in whether they keep the parameters in a table of their own.
        held = state.get("_parameters") or state
        self.held = OrderedDict((k, v) for k, v in held.items() if isinstance(v, Tensor))


_INERT: list[Any] = [(_Parameters, "torch.nn.modules.container.ParameterDict")]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingFile:
    """What a file of embeddings holds: tables of tensors, in lists and tables."""

    name: str
    contents: object

    def vectors(self, kind: str, width: int | None = None) -> Tensor:
        """The vectors for a network of `kind` ("l", "h", "g", "t5xxl"), float32 [n, C].

        C is the width of what the file holds; `width`, the network's own, chooses among the tensors
        of a list, where without one the first decides. Raises EmbeddingError when the file holds
        no vectors.
        """
        found = _chosen(self.contents, KEYS.get(kind, kind), width)
        if found is None or found.ndim not in (1, 2) or not found.numel():
            raise EmbeddingError(
                f"The embedding file {self.name} holds no vectors for a prompt. It may be damaged, "
                "or a file of another kind."
            )
        rows = found.detach().to(torch.float32).reshape(-1, found.shape[-1])
        if not torch.isfinite(rows).all():
            raise EmbeddingError(
                f"The embedding file {self.name} holds numbers that are not finite; its training "
                "failed, or it is damaged. Download it again."
            )
        return rows

    @property
    def bundled(self) -> tuple[str, ...]:
        """Names of the embeddings that a LoRA file brings along."""
        if not isinstance(self.contents, Mapping):
            return ()
        keys = (str(key) for key in self.contents)
        return tuple(dict.fromkeys(_bundled(key) for key in keys if key.startswith(BUNDLE)))

    def only(self, name: str) -> "EmbeddingFile":
        """The bundled embedding `name` alone."""
        contents = self.contents if isinstance(self.contents, Mapping) else {}
        prefix = f"{BUNDLE}{name}."
        kept = {key: value for key, value in contents.items() if str(key).startswith(prefix)}
        return EmbeddingFile(f"{self.name} ({name})", kept)


def read_embedding(file: WeightsFile) -> EmbeddingFile:
    """What is in `file`. Raises EmbeddingError when it cannot be read."""
    if file.size > MAX_BYTES and is_pickle(file):
        raise EmbeddingError(f"{file.name} is too large to be an embedding.")
    try:
        with Path(file.path).open("rb") as stream:
            picture = stream.read(4) == _PNG
        if picture:
            return EmbeddingFile(file.name, _in_picture(Path(file.path)))
        if is_pickle(file):
            return EmbeddingFile(file.name, _unpickled(Path(file.path)))
        with TensorFile(file) as tensors:
            return EmbeddingFile(
                file.name, {name: tensors.read(name) for name in tensors.header.tensors}
            )
    except WeightsError as error:
        raise EmbeddingError(str(error)) from error
    except _DAMAGED as error:
        raise EmbeddingError(
            f"The embedding file {file.name} cannot be read: it is damaged, or holds code besides "
            "its vectors. Download it again, if possible as safetensors."
        ) from error


def _unpickled(path: Path) -> object:
    with path.open("rb") as stream, inert(_INERT):
        return torch.load(stream, map_location="cpu", weights_only=True)


def _in_picture(path: Path) -> object:
    """Vectors that webui writes into the text of a picture of them."""
    try:
        with Image.open(path) as picture:
            text = getattr(picture, "text", {}).get(PICTURE_KEY, "")
        return json.loads(base64.b64decode(text), object_hook=_revived)
    except (UnidentifiedImageError, Image.DecompressionBombError, binascii.Error, zlib.error) as e:
        raise ValueError(path.name) from e


def _revived(table: dict[str, Any]) -> object:
    numbers = table.get("TORCHTENSOR")
    return table if numbers is None else torch.tensor(numbers, dtype=torch.float32)


def _chosen(contents: object, key: str, width: int | None) -> Tensor | None:
    if isinstance(contents, list):
        every = [
            value
            for table in contents
            if isinstance(table, Mapping)
            for value in table.values()
            if isinstance(value, Tensor) and value.ndim in (1, 2)
        ]
        wanted = every[0].shape[-1] if width is None and every else width
        return _joined([one for one in every if one.shape[-1] == wanted])
    if not isinstance(contents, Mapping):
        return contents if isinstance(contents, Tensor) else None
    parameters = contents.get("string_to_param")
    if isinstance(parameters, _Parameters):
        parameters = parameters.held
    if isinstance(parameters, Mapping):
        return next((one for one in parameters.values() if isinstance(one, Tensor)), None)
    tensors = {str(name): one for name, one in contents.items() if isinstance(one, Tensor)}
    if key in tensors:
        return tensors[key]
    for part in (".string_to_param.", f".{key}"):
        bundled = [one for name, one in tensors.items() if name.startswith(BUNDLE) and part in name]
        if bundled:
            return _joined(bundled)
    return next(iter(tensors.values()), None)


def _bundled(key: str) -> str:
    """The embedding that a key of a LoRA file belongs to; its name may have dots in it."""
    name, parameter, _ = key.removeprefix(BUNDLE).partition(".string_to_param.")
    return name if parameter else name.rpartition(".")[0]


def _joined(tensors: Sequence[Tensor]) -> Tensor | None:
    rows = [one.reshape(-1, one.shape[-1]) for one in tensors if one.ndim in (1, 2) and one.numel()]
    if not rows or len({one.shape[-1] for one in rows}) > 1:
        return None
    return torch.cat([one.to(torch.float32) for one in rows])
