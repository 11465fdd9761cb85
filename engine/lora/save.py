"""Writing a LoRA file: tensors, metadata, and the hashes that other tools find it by."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save as encoded
from torch import Tensor

from engine.files.atomic import write_atomic
from engine.lora.errors import LoraError
from engine.weights.finite import all_finite
from engine.weights.handles import WeightsFile

# The old hash is of this many bytes from this place on.
_LEGACY_START, _LEGACY_LENGTH = 0x100000, 0x10000

_BASE_VERSIONS = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0"}
_ARCHITECTURES = {
    "sd1": "stable-diffusion-v1/lora",
    "sd2": "stable-diffusion-v2/lora",
    "sdxl": "stable-diffusion-xl-v1-base/lora",
}


def save_lora(
    path: Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    dtype: torch.dtype = torch.float16,
) -> WeightsFile:
    """Write ``tensors`` to ``path`` in one step, whole or not at all.

    Args:
        metadata: kept as it is, but for the hashes, which are those of this file.
        dtype: of the factors.

    Raises:
        LoraError: there are no tensors, or some number is not finite, or not in ``dtype``.
        OSError: the disk is full, or the folder may not be written to.
    """
    if not tensors:
        raise LoraError(f"{path.name} would be empty; there is nothing to save.")
    ready = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()
    }
    for name, tensor in ready.items():
        if not all_finite(tensor):
            kind = str(dtype).removeprefix("torch.")
            raise LoraError(f"{path.name}: {name} holds numbers that {kind} cannot express.")
    texts = {key: text for key, text in metadata.items() if not key.startswith("sshs_")}
    write_atomic(path, encoded(ready, texts | _hashes(encoded(ready))))
    return WeightsFile.of(path)


def _hashes(data: bytes) -> dict[str, str]:
    """kohya's hash of all that comes after the header, and the short one of old."""
    start = 8 + int.from_bytes(data[:8], "little")
    legacy = data[_LEGACY_START : _LEGACY_START + _LEGACY_LENGTH]
    return {
        "sshs_model_hash": hashlib.sha256(data[start:]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(legacy).hexdigest()[:8],
    }


def made_metadata(
    parts: Mapping[str, str], *, family: str, rank: int, title: str
) -> dict[str, str]:
    """What tools look for in a file: its base, its rank, its name; ``parts`` go on top."""
    return {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
        "ss_base_model_version": _BASE_VERSIONS.get(family, family),
        "ss_v2": str(family == "sd2"),
        "ss_output_name": title,
        "modelspec.architecture": _ARCHITECTURES.get(family, family),
        "modelspec.title": title,
        **parts,
    }
