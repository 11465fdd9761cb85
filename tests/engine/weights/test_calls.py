"""UNets and text encoders as the engine calls them, against golden numbers and themselves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.weights.calls import TextEncoder, UNet
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import UnetConfig
from engine.weights.errors import WeightsError
from engine.weights.networks import load_network
from engine.weights.sites import Call, Patches, Site
from engine.weights.walk import Walk
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.weights.tiny import (
    FAMILIES,
    SDXL_UNET,
    TEXT,
    UNET,
    Placed,
    file_tensors,
    lend,
    save,
    sd1_part,
    tiny_checkpoint,
    tiny_family,
    tiny_tensors,
    tokens,
)
from tests.support import vectors


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "unet.json").read_text())
    return found


def golden_heads(model: str) -> dict[str, int]:
    """What of the golden network's attention cannot be seen in its file."""
    config = manifest()["models"][model]["ldm_config"]
    given = {"heads": config["num_heads"], "head_width": config["num_head_channels"]}
    return {name: value for name, value in given.items() if value > 0}


@pytest.mark.vectors
@pytest.mark.parametrize("case", manifest()["unit"], ids=lambda c: f"{c['model']} {c['hw']}")
def test_the_unet_equals_the_golden_one(case: dict[str, Any]) -> None:
    model = case["model"]
    unet = tiny_unet(vectors("sampling", f"tiny_unet_{model}.safetensors"), **golden_heads(model))
    tensors = golden_tensors("sampling", "unet.safetensors")
    x, context = tensors[case["x"]], tensors[case["context"]]
    y = tensors[case["y"]] if "y" in case else None
    out = unet(x, torch.tensor(case["timesteps"]), context, y=y)
    torch.testing.assert_close(out, tensors[case["out"]], atol=case["atol"], rtol=0)
    assert out.is_contiguous()
    assert unet.context_width == context.shape[2]


def test_both_models_of_the_manifest_are_compared() -> None:
    assert {case["model"] for case in manifest()["unit"]} == set(manifest()["models"])


def inputs(config: UnetConfig, size: tuple[int, int] = (8, 8)) -> dict[str, Tensor]:
    """A batch of two for a UNet."""
    draw = torch.Generator().manual_seed(3)
    found = {
        "x": torch.randn(2, 4, *size, generator=draw),
        "timestep": torch.tensor([900.0, 17.0]),
        "context": torch.randn(2, 7, config.context_width, generator=draw),
    }
    if config.vector:
        found["y"] = torch.randn(2, config.vector, generator=draw)
    return found


@pytest.fixture(scope="module", params=FAMILIES)
def unet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> UNet:
    """The UNet of each family."""
    folder = tmp_path_factory.mktemp(request.param)
    found = inspect_checkpoint(tiny_family(folder / "a.safetensors", request.param))
    assert found.unet is not None
    return UNet(lend(found.unet), found.unet.config, found.trained, "a.safetensors")


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (1, 1)])
def test_the_walk_is_the_library_s_own_forward_to_the_last_bit(
    unet: UNet, size: tuple[int, int]
) -> None:
    given = inputs(unet._config, size)
    out = unet(**given)
    module: Any = unet._lend(lambda network: network.module)
    x = given["x"].to(memory_format=torch.channels_last)
    if "y" in given:  # the library makes this vector of sizes itself
        module.get_aug_embed = lambda **_: module.add_embedding(given["y"])
    with torch.no_grad():
        (want,) = module(x, given["timestep"], given["context"], return_dict=False)
    assert torch.equal(out, want)


def test_what_control_nets_bring_is_added_where_it_belongs(unet: UNet) -> None:
    """Each list is used from its end, and zeros everywhere change nothing."""
    given = inputs(unet._config)
    plain = unet(**given)
    shapes: dict[str, list[tuple[int, ...]]] = {"input": [], "output": []}

    def seen(h: Tensor, site: Site) -> Tensor:
        shapes["input"].append(tuple(h.shape))
        return h

    def joined(h: Tensor, skip: Tensor, site: Site) -> tuple[Tensor, Tensor]:
        shapes["output"].append(tuple(skip.shape))
        return h, skip

    spies = Patches(input_blocks=(seen,), output_blocks=(joined,))
    unet(**given, patches=spies.during(Call(torch.zeros(2), torch.zeros(3))))
    middle = shapes["input"][-1]
    assert shapes["output"] == shapes["input"][::-1]

    def control(value: float, **only: int) -> dict[str, list[Tensor | None]]:
        return {
            name: [
                value * torch.ones(shape) if only.get(name, i) == i else None
                for i, shape in reversed(list(enumerate(places)))
            ]
            for name, places in {**shapes, "middle": [middle]}.items()
        }

    assert torch.equal(unet(**given, control=control(0.0)), plain)
    changed = [unet(**given, control={name: lists}) for name, lists in control(0.3).items()]
    changed += [unet(**given, control={"output": control(0.3, output=0)["output"]})]
    for i, one in enumerate(changed):
        assert not torch.equal(one, plain)
        assert not any(torch.equal(one, other) for other in changed[:i])
    # A list that is too short reaches the first places only.
    short = {"output": control(0.3)["output"][-1:]}
    assert torch.equal(unet(**given, control=short), changed[-1])


def test_patches_see_every_place_and_may_leave_it_alone(unet: UNet) -> None:
    given, config = inputs(unet._config), unet._config
    sites: dict[str, list[Site]] = {}

    def around(name: str) -> Any:
        def patch(attend: Any, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
            sites.setdefault(name, []).append(site)
            found: Tensor = attend(q, k, v)
            assert found.shape == q.shape
            return found

        return patch

    names = ("self_attention", "cross_attention", "self_heads", "cross_heads")
    call = Call(torch.zeros(2), torch.zeros(3))
    patches = Patches(**{name: (around(name),) for name in names}, call=call)
    assert torch.equal(unet(**given, patches=patches), unet(**given))
    layers = sum(config.depths) * (2 * config.resnets + 1) + config.middle
    for name in names:
        assert [site.transformer for site in sites[name]] == list(range(layers))
        assert {site.heads for site in sites[name]} == {config.heads_of(64) or config.heads}
        assert {site.latent for site in sites[name]} == {(8, 8)}
    whole = sites["self_attention"]
    assert {site.block for site in whole} == {"input", "middle", "output"}
    assert max(site.index for site in whole) == max(*config.depths, config.middle) - 1
    assert all(site.call is call and site.channels == config.widths[0] for site in whole)


def test_the_first_of_several_patches_is_the_outermost(unet: UNet) -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        def patch(attend: Any, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
            order.append(name)
            found: Tensor = attend(q, k, v)
            return found

        return patch

    call = Call(torch.zeros(2), torch.zeros(3))
    patches = Patches(self_heads=(named("outer"), named("inner")), call=call)
    unet(**inputs(unet._config), patches=patches)
    assert order[:2] == ["outer", "inner"]


def test_a_skip_tensor_is_kept_before_or_after_a_patch(unet: UNet) -> None:
    given, call = inputs(unet._config), Call(torch.zeros(2), torch.zeros(3))
    zero = (lambda h, site: torch.zeros_like(h),)
    before = unet(**given, patches=Patches(input_blocks=zero, call=call))
    after = unet(**given, patches=Patches(input_blocks_after_skip=zero, call=call))
    assert not torch.equal(before, after)


@pytest.mark.parametrize(("channels", "more"), [(9, ("mask", "masked_image")), (8, ("image",))])
def test_models_with_more_inputs_get_them_behind_the_latent(
    tmp_path: Path, channels: int, more: tuple[str, ...]
) -> None:
    config = replace(UNET, channels=channels)
    found = inspect_checkpoint(tiny_checkpoint(tmp_path / "a.safetensors", config))
    assert found.unet is not None
    assert (found.unet.config, found.trained.concat) == (config, more)
    unet = UNet(lend(found.unet), config, found.trained, "a.safetensors")
    given = inputs(config)
    extra = torch.randn(2, channels - 4, 8, 8)
    whole = torch.cat([given["x"], extra], dim=1)
    out = unet(**given, concat=extra)
    assert out.shape == given["x"].shape
    assert torch.equal(out, unet(whole, given["timestep"], given["context"]))
    words = " and ".join(more).replace("_", " ")
    with pytest.raises(ValueError, match=rf"a\.safetensors takes {channels} channels.*{words}"):
        unet(**given)
    with pytest.raises(ValueError, match=f"{channels - 4} more .*, and 1 more are there"):
        unet(**given, concat=extra[:, :1])


def test_a_plain_model_ignores_what_it_has_no_use_for(tmp_path: Path) -> None:
    found = inspect_checkpoint(tiny_checkpoint(tmp_path / "a.safetensors", UNET))
    assert found.unet is not None
    unet = UNet(lend(found.unet), UNET, found.trained)
    given = inputs(UNET)
    more = {"y": torch.ones(2, 5), "concat": torch.ones(2, 5, 8, 8)}
    assert torch.equal(unet(**given, **more), unet(**given))


@pytest.mark.parametrize("y", [None, torch.zeros(2, 5)])
def test_a_vector_that_is_missing_or_too_short_is_a_sentence(
    tmp_path: Path, y: Tensor | None
) -> None:
    found = inspect_checkpoint(tiny_family(tmp_path / "xl.safetensors", "sdxl"))
    assert found.unet is not None
    unet = UNet(lend(found.unet), SDXL_UNET, found.trained, "xl.safetensors")
    with pytest.raises(ValueError, match=r"xl\.safetensors takes a vector of 1600 numbers"):
        unet(**{**inputs(SDXL_UNET), "y": y})


def test_weights_that_are_no_numbers_are_said_at_the_first_prediction(tmp_path: Path) -> None:
    tensors = tiny_tensors(UNET)
    tensors["model.diffusion_model.time_embed.0.weight"][0, 0] = float("nan")
    found = inspect_checkpoint(save(tmp_path / "bad.safetensors", tensors))
    assert found.unet is not None
    unet = UNet(lend(found.unet), UNET, found.trained, "bad.safetensors")
    with pytest.raises(WeightsError, match=r"bad\.safetensors gives values that are not numbers"):
        unet(**inputs(UNET))


def test_a_bad_input_is_not_blamed_on_the_weights(unet: UNet) -> None:
    given = inputs(unet._config)
    given["x"][0, 0, 0, 0] = float("nan")
    assert not unet(**given).isfinite().all()


def test_a_tensor_of_the_wrong_shape_is_a_sentence(tmp_path: Path) -> None:
    tensors = tiny_tensors(UNET)
    tensors["model.diffusion_model.time_embed.0.weight"] = torch.zeros(64, 32)
    part = inspect_checkpoint(save(tmp_path / "odd.safetensors", tensors)).unet
    assert part is not None
    with pytest.raises(WeightsError, match=r"odd\.safetensors: .*time_embed\.0\.weight has shape"):
        lend(part)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    file = tiny_checkpoint(tmp_path_factory.mktemp("t") / "t.st", TEXT)
    (part,) = inspect_checkpoint(file).texts
    return TextEncoder(lend(part), part.config)


def test_pooled_is_at_the_first_end_token_and_does_not_depend_on_the_layer(
    text: TextEncoder,
) -> None:
    last, pooled = text(tokens(), -1)
    earlier, same = text(tokens(), -2)
    first_end = 4  # start, three words, end
    assert torch.equal(pooled, last[:, first_end])
    assert torch.equal(pooled, same)
    assert not torch.equal(last, earlier)


def test_a_layer_beyond_the_first_means_the_last(text: TextEncoder) -> None:
    assert torch.equal(text(tokens(), -1)[0], text(tokens(), -(text.layers + 1))[0])


def test_the_final_norm_may_be_left_out(text: TextEncoder) -> None:
    module: Any = text._lend(lambda network: network.module)
    for layer in (-1, -2):
        plain, _ = text(tokens(), layer, norm=False)
        with torch.no_grad():
            normed = module.get_submodule("final_layer_norm")(plain)
        assert torch.equal(normed, text(tokens(), layer)[0])


def test_pooled_is_projected_where_the_network_has_a_projection(tmp_path: Path) -> None:
    file = tiny_family(tmp_path / "xl.safetensors", "sdxl")
    _, part = inspect_checkpoint(file).texts
    encoder = TextEncoder(lend(part), part.config)
    hidden, pooled = encoder(tokens(), -1)
    network = lend(part).network
    weight = network.parameters["text_projection.weight"]
    torch.testing.assert_close(pooled, hidden[:, 4] @ weight.T)


def test_a_file_without_its_last_layer_counts_as_the_whole_does(tmp_path: Path) -> None:
    """Files of diffusers leave out the last layer of SD2's text encoder."""
    whole = FAMILIES["sd2"][1].config
    tensors = file_tensors([Placed(whole, "diffusers")])
    cut = {n: t for n, t in tensors.items() if ".layers.23." not in n and "projection" not in n}
    (part,) = inspect_checkpoint(save(tmp_path / "cut.safetensors", cut)).texts
    (all_of_it,) = inspect_checkpoint(save(tmp_path / "whole.safetensors", tensors)).texts
    short, long = (TextEncoder(lend(p), p.config, p.file.name) for p in (part, all_of_it))
    assert short.layers == long.layers == 24
    for layer in (-2, -3, -24):
        assert torch.equal(short(tokens(), layer)[0], long(tokens(), layer)[0])
    with pytest.raises(WeightsError, match=r"cut\.safetensors leaves out the last layer"):
        short(tokens(), -1)


def test_a_text_encoder_whose_weights_are_no_numbers_is_a_sentence(tmp_path: Path) -> None:
    tensors = tiny_tensors(TEXT)
    name = "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc2.bias"
    tensors[name][0] = float("inf")
    (part,) = inspect_checkpoint(save(tmp_path / "bad.safetensors", tensors)).texts
    with pytest.raises(WeightsError, match=r"text encoder in bad\.safetensors gives values that"):
        TextEncoder(lend(part), part.config, part.file.name)(tokens(), -1)


def test_attention_may_be_computed_in_float32(tmp_path: Path) -> None:
    part = inspect_checkpoint(save(tmp_path / "a.safetensors", file_tensors([sd1_part(UNET)]))).unet
    assert part is not None
    network = lend(part).network
    half = load_network(part, replace(network.choice, dtype=torch.bfloat16, stored=torch.bfloat16))
    given = inputs(UNET)
    x, context = half.ready(given["x"]), half.ready(given["context"])
    with torch.no_grad():
        plain, upcast = (
            Walk(half.module, context, upcast=upcast)(x, given["timestep"])
            for upcast in (False, True)
        )
    assert upcast.dtype == torch.bfloat16
    torch.testing.assert_close(plain, upcast, atol=0.1, rtol=0.1)
