"""Every layout and storage type of a file gives the same live weights."""

from math import prod
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import Config, TextConfig, UnetConfig
from engine.weights.handles import WeightsFile
from engine.weights.layouts import Layout, places
from engine.weights.part import Part
from tests.engine.weights.tiny import (
    FAMILIES,
    G_PLACE,
    Placed,
    file_tensors,
    lend,
    live_shapes,
    live_tensors,
    save,
    stored,
)


def only_part(file: WeightsFile) -> Part[Config]:
    found = inspect_checkpoint(file)
    (part,) = [p for p in (found.unet, *found.texts, found.vae) if p is not None]
    return part


def live(file: WeightsFile) -> dict[str, Tensor]:
    """The weights as the network has them, by live name."""
    parameters = lend(only_part(file)).network.parameters
    return {name: parameter.data for name, parameter in parameters.items()}


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def layouts(config: Config) -> tuple[Placed, ...]:
    """The places and layouts in which a network may be found on its own."""
    if isinstance(config, UnetConfig):
        kinds: tuple[tuple[Layout, str], ...] = (
            ("ldm", ""),
            ("ldm", "model.diffusion_model."),
            ("diffusers", ""),
            ("diffusers", "unet."),
        )
    elif isinstance(config, TextConfig) and config.kind == "l":
        kinds = (
            ("diffusers", "conditioner.embedders.0.transformer."),
            ("diffusers", "text_encoder."),
            ("diffusers", ""),
        )
    elif isinstance(config, TextConfig):
        # A small one is known by its place alone.
        place = G_PLACE if config.kind == "g" else "cond_stage_model.model."
        kinds = (("diffusers", place), ("openclip", place), ("openclip_linear", place))
    else:
        kinds = (
            ("ldm", ""),
            ("ldm", "first_stage_model."),
            ("diffusers", ""),
            ("diffusers_old", ""),
        )
    return tuple(Placed(config, layout, prefix) for layout, prefix in kinds)


NETWORKS = {
    f"{family} {type(part.config).__name__} {i}": part.config
    for family, parts in FAMILIES.items()
    for i, part in enumerate(parts)
}


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS.keys())
def test_all_layouts_of_a_network_give_the_same_weights(tmp_path: Path, config: Config) -> None:
    want = {name: tensor.half().float() for name, tensor in live_tensors(config).items()}
    for number, part in enumerate(layouts(config)):
        file = save(tmp_path / f"{number}.safetensors", file_tensors([part]))
        found = only_part(file)
        assert (found.config, found.layout, found.prefix) == (config, part.layout, part.prefix)
        assert equal(live(file), want), part


@pytest.mark.parametrize("config", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_round_trip_of_names_covers_every_parameter(config: Config) -> None:
    shapes = live_shapes(config)
    for part in layouts(config):
        found = places(config, part.layout)
        assert found.keys() == shapes.keys()
        assert len(set(found.values())) == len(found)
        held = stored(part, live_tensors(config))
        for name, place in found.items():
            tensor = held[part.prefix + place.name]
            assert prod(place.shape(tuple(tensor.shape))) == prod(shapes[name])


STORED = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}


@pytest.mark.parametrize("dtype", STORED.values(), ids=STORED.keys())
def test_every_storage_type_is_read_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    for config in (FAMILIES["sdxl"][0].config, FAMILIES["sdxl"][2].config):
        part = layouts(config)[0]
        file = save(tmp_path / "a.safetensors", file_tensors([part]), dtype)
        want = {name: tensor.to(dtype).float() for name, tensor in live_tensors(config).items()}
        assert equal(live(file), want)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pickle_gives_the_same_weights_as_safetensors(tmp_path: Path, family: str) -> None:
    part = FAMILIES[family][0]
    tensors = {name: tensor.half() for name, tensor in file_tensors([part]).items()}
    torch.save({"state_dict": tensors}, tmp_path / "a.ckpt")
    pickled = live(WeightsFile.of(tmp_path / "a.ckpt"))
    assert equal(pickled, live(save(tmp_path / "a.safetensors", tensors)))
