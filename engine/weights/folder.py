"""A model that is a folder, as diffusers write it: which files hold its parts.

Weights are read by the ordinary way afterwards; here only names and small JSON files are looked at.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile

# What diffusers and transformers call their files, the preferred ones first.
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_ENDINGS = (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin")
_MAX_JSON = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The files of a model.

    Attributes:
        texts: its text encoders, one or two.
        marks: what its scheduler says the UNet was trained for, as ``Model.marks``.
    """

    unet: WeightsFile
    texts: tuple[WeightsFile, ...]
    vae: WeightsFile
    marks: frozenset[str]


def model_folder(folder: Path) -> ModelFolder:
    """The files in ``folder``.

    Raises:
        WeightsError: a part is missing, or is cut into pieces.
    """
    texts = [_weights(folder, "text_encoder")] if (folder / "text_encoder").is_dir() else []
    if (folder / "text_encoder_2").is_dir():
        texts.append(_weights(folder, "text_encoder_2"))
    if not texts:
        raise WeightsError(f"The model folder {folder.name} has no text_encoder.")
    return ModelFolder(
        unet=_weights(folder, "unet"),
        texts=tuple(texts),
        vae=_weights(folder, "vae"),
        marks=_marks(folder),
    )


def _weights(folder: Path, part: str) -> WeightsFile:
    names = [stem + ending for ending in _ENDINGS for stem in _STEMS]
    for name in names:
        if (folder / part / name).is_file():
            return WeightsFile.of(folder / part / name)
    if any((folder / part).glob("*-of-*")):
        raise WeightsError(
            f"{folder.name}/{part} is cut into several files, which is not supported; save it as "
            "one file."
        )
    raise WeightsError(f"The model folder {folder.name} has no {part} ({part}/{names[0]}).")


def _marks(folder: Path) -> frozenset[str]:
    says = _read_json(folder / "scheduler" / "scheduler_config.json")
    if says.get("prediction_type") != "v_prediction":
        return frozenset()
    zero_snr = {"ztsnr"} if says.get("rescale_betas_zero_snr") is True else set()
    return frozenset({"v_pred"} | zero_snr)


def _read_json(path: Path) -> dict[str, Any]:
    """A small JSON object; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_bytes()) if path.stat().st_size <= _MAX_JSON else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
