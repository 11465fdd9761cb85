"""The prompt vectors, read from their manifests. A selection that shrinks is an error."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from engine.text.chunks import Chunk
from engine.weights.calls import TextEncoder
from engine.weights.configs import TextKind
from tests.engine.sampling.networks import tiny_text_encoder
from tests.support import vectors

Case = dict[str, Any]


@cache
def manifest(name: str) -> Any:
    return json.loads(vectors("prompt", f"{name}.json").read_text())


def cases(
    name: str, section: str, least: int, wanted: Callable[[Case], bool] = lambda _: True
) -> list[Case]:
    """The cases of a section that are `wanted`; at least so many there must be."""
    found = [case for case in manifest(name)[section] if wanted(case)]
    assert len(found) >= least, f"{name}.json has {len(found)} such cases in {section}"
    return found


def weights_of(chunk: Chunk) -> dict[int, float]:
    """The weights of a chunk that are not 1, by their slots."""
    return {slot: weight for slot, weight in enumerate(chunk.weights) if weight != 1}


def weights_in(want: Case) -> dict[int, float]:
    return {int(slot): float(weight) for slot, weight in want.get("w", {}).items()}


@cache
def tiny_encoders() -> dict[TextKind, TextEncoder]:
    """The one network of the vectors as each of the three."""
    config = manifest("encode")["about"]["config"]
    width = config["hidden_size"] // config["num_attention_heads"]
    file = vectors("prompt", "encode_tiny_clip.safetensors")
    projected = {"projection": config["projection_dim"], "activation": config["hidden_act"]}
    return {
        "l": tiny_text_encoder(file, "l", head_width=width),
        "h": tiny_text_encoder(file, "h", head_width=width, **projected),
        "g": tiny_text_encoder(file, "g", head_width=width, **projected),
    }
