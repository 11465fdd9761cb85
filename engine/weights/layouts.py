"""Where a file of a given layout keeps each parameter of a network.

Layouts: ``ldm``, the original checkpoints; ``diffusers``, the names of the live modules, which are
those of diffusers and transformers; ``diffusers_old``, the same with older names in the VAE's
attention; ``openclip``, text networks whose q, k and v are one tensor; ``openclip_linear``, the
same with its projection stored as transformers store it. No torch.

Source: the module names of OpenCLIP (MIT), as checkpoints of Stable Diffusion 2 and SDXL hold them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from engine.weights.configs import Config, TextConfig
from engine.weights.ldm import names

Layout = Literal["ldm", "diffusers", "diffusers_old", "openclip", "openclip_linear"]

_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_OPENCLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_OPENCLIP_REST = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A parameter inside a file.

    Attributes:
        name: of the tensor.
        third: which third of the tensor's rows it is; None for the whole.
        transposed: whether rows and columns have changed places.
    """

    name: str
    third: int | None = None
    transposed: bool = False

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the parameter inside a tensor of shape ``stored``."""
        if self.third is not None and stored:
            return (stored[0] // 3, *stored[1:])
        return stored[::-1] if self.transposed else stored


@lru_cache(maxsize=128)
def places(config: Config, layout: Layout) -> Mapping[str, Place]:
    """Live parameter name to its place in a file, without the prefix of its part."""
    if isinstance(config, TextConfig) and layout.startswith("openclip"):
        return dict(_openclip(config, linear=layout == "openclip_linear"))
    if layout == "ldm":
        return {live: Place(file) for live, file in names(config).file_of.items()}
    if layout == "diffusers_old":
        return {live: Place(_old_name(live)) for live in names(config).file_of}
    return {live: Place(live) for live in names(config).file_of}


def _old_name(live: str) -> str:
    for new, old in _OLD_ATTENTION.items():
        live = live.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return live


def _openclip(config: TextConfig, *, linear: bool) -> Iterator[tuple[str, Place]]:
    for live, file in _OPENCLIP_REST.items():
        yield live, Place(file)
    for layer in range(config.layers):
        live, file = f"text_model.encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for leaf in ("weight", "bias"):
            for new, old in _OPENCLIP_LAYER.items():
                yield f"{live}.{new}.{leaf}", Place(f"{file}.{old}.{leaf}")
            for third, name in enumerate(("q_proj", "k_proj", "v_proj")):
                fused = Place(f"{file}.attn.in_proj_{leaf}", third=third)
                yield f"{live}.self_attn.{name}.{leaf}", fused
    if config.projection and linear:
        yield "text_projection.weight", Place("text_projection.weight")
    elif config.projection:
        yield "text_projection.weight", Place("text_projection", transposed=True)
