"""All algorithms through the residency: the same weights however one came to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.lora.errors import LoraError
from engine.lora.file import read_lora
from engine.lora.patcher import LoraPatcher
from engine.lora.report import report
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choices
from engine.weights.configs import Config
from engine.weights.handles import Clip, LoraPatch, Model, WeightsFile
from engine.weights.part import Part
from engine.weights.residency import Residency
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, TEXT, lora_tensors
from tests.engine.weights.tiny import save, tiny_checkpoint, tiny_family

RAND = torch.Generator().manual_seed(3)


def rand(*shape: int) -> Tensor:
    return 0.1 * torch.randn(shape, generator=RAND)


def kinds() -> Iterator[tuple[str, dict[str, Tensor]]]:
    """A file of every algorithm, each on two weights."""
    yield "lora", lora_tensors(LINEAR, CONV)
    yield (
        "dora",
        lora_tensors(LINEAR, CONV)
        | {
            f"{LINEAR}.dora_scale": 1 + rand(1, 32).abs(),
            f"{CONV}.dora_scale": 1 + rand(32, 1, 1, 1).abs(),
        },
    )
    yield "oft", {f"{one}.oft_blocks": rand(8, 4, 4) for one in (LINEAR, CONV)}
    yield "boft", {f"{one}.oft_blocks": rand(3, 8, 4, 4) for one in (LINEAR, CONV)}
    yield (
        "glora",
        {
            f"{LINEAR}.{name}.weight": rand(*shape)
            for name, shape in (("a1", (32, 2)), ("a2", (2, 32)), ("b1", (32, 2)), ("b2", (2, 32)))
        },
    )
    yield "ia3", {f"{LINEAR}.weight": rand(32), f"{LINEAR}.on_input": torch.tensor(1.0)}
    yield (
        "loha",
        {
            f"{LINEAR}.hada_w{n}_{side}": rand(*((32, 2) if side == "a" else (2, 32)))
            for n in (1, 2)
            for side in "ab"
        },
    )
    yield "lokr", {f"{CONV}.lokr_w1": rand(4, 8), f"{CONV}.lokr_w2": rand(8, 4, 3, 3)}
    yield "full", {f"{CONV}.diff": rand(32, 32, 3, 3), f"{CONV}.diff_b": rand(32)}
    yield "set", {f"{LINEAR}.set_weight": rand(32, 32)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WeightsFile]:
    folder = tmp_path_factory.mktemp("loras")
    made = {name: save(folder / f"{name}.safetensors", tensors) for name, tensors in kinds()}
    return made | {"base": tiny_checkpoint(folder / "base.safetensors")}


def unet_weights(residency: Residency, model: Model) -> dict[str, Tensor]:
    """Copies of all live parameters of the UNet, patched as ``model`` says."""
    return residency.unet(model)._lend(
        lambda network: {name: p.detach().clone() for name, p in network.parameters.items()}
    )


PATCHES = st.lists(
    st.tuples(
        st.sampled_from([name for name, _ in kinds()]), st.sampled_from([-0.5, 0.0, 0.3, 1.0])
    ),
    max_size=4,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chains=st.lists(PATCHES, min_size=2, max_size=3))
def test_weights_do_not_depend_on_what_was_applied_before(
    files: dict[str, WeightsFile], chains: list[list[tuple[str, float]]]
) -> None:
    residency = Residency(Choices(), LoraPatcher())
    base = unet_weights(residency, Model(files["base"]))
    for chain in chains:
        model = Model(files["base"], tuple(LoraPatch(files[name], s) for name, s in chain))
        got = unet_weights(residency, model)
        want = unet_weights(Residency(Choices(), LoraPatcher()), model)
        assert all(torch.equal(got[name], want[name]) for name in want)
    again = unet_weights(residency, Model(files["base"]))
    assert all(torch.equal(again[name], base[name]) for name in base)


def test_every_algorithm_changes_weights_and_nothing_else(files: dict[str, WeightsFile]) -> None:
    residency = Residency(Choices(), LoraPatcher())
    base = unet_weights(residency, Model(files["base"]))
    for name, tensors in kinds():
        patched = unet_weights(residency, Model(files["base"]).patched(LoraPatch(files[name], 1.0)))
        changed = {one for one in base if not torch.equal(base[one], patched[one])}
        assert len(changed) == max(1, len({tensor.partition(".")[0] for tensor in tensors})) + (
            name == "full"
        ), name


def test_a_lora_of_a_fused_weight_reaches_its_three_parts(tmp_path: Path) -> None:
    file = tiny_family(tmp_path / "sd2.safetensors", "sd2")
    (text,) = inspect_checkpoint(file).texts
    stem = "cond_stage_model.model.transformer.resblocks.1.attn.in_proj"
    up, down = rand(192, 2), rand(2, 64)
    tensors = {f"{stem}.lora_up.weight": up, f"{stem}.lora_down.weight": down}
    lora = save(tmp_path / "a.safetensors", tensors, torch.float32)
    parts = {}
    with LoraPatcher().opened([lora], text) as add:
        for name in LoraPatcher().touched(lora, text):
            parts[name.split(".")[-2]] = weight = torch.zeros(64, 64)
            add(name, (LoraPatch(lora, 0.5),), weight)
    fused = torch.cat([parts[f"{one}_proj"] for one in "qkv"])
    torch.testing.assert_close(fused, 0.5 * up @ down)


def test_a_dora_of_a_fused_weight_is_told_and_left_alone(tmp_path: Path) -> None:
    file = tiny_family(tmp_path / "sd2.safetensors", "sd2")
    stem, other = (
        "transformer.resblocks.0.attn.in_proj",
        "lora_te_text_model_encoder_layers_0_mlp_fc1",
    )
    tensors = {
        f"{stem}.lora_up.weight": rand(192, 2),
        f"{stem}.lora_down.weight": rand(2, 64),
        f"{stem}.dora_scale": rand(192, 1),
        f"{other}.lora_up.weight": rand(128, 2),
        f"{other}.lora_down.weight": rand(2, 64),
    }
    found = report(read_lora(save(tmp_path / "a.safetensors", tensors)), None, Clip(file))
    assert found.matched == 1
    assert {reason for _, reason in found.unsupported} == {"LoRA of several modules in one"}


def test_oft_v2_of_a_convolution_is_told(tmp_path: Path, files: dict[str, WeightsFile]) -> None:
    tensors = lora_tensors(CROSS) | {
        "unet.down_blocks.0.resnets.0.conv1.oft_R.weight": rand(8, 6),
    }
    lora = read_lora(save(tmp_path / "a.safetensors", tensors))
    found = report(lora, Model(files["base"]), None)
    assert [reason for _, reason in found.unsupported] == ["OFTv2 of a convolution"]


def both_texts(file: WeightsFile) -> tuple[Part[Config], ...]:
    return inspect_checkpoint(file).texts


def test_the_text_networks_of_sdxl_are_told_apart(tmp_path: Path) -> None:
    parts = both_texts(tiny_family(tmp_path / "xl.safetensors", "sdxl"))
    inner = "text_model_encoder_layers_0_mlp_fc1"
    for prefix, kind in (("lora_te_", "l"), ("lora_te1_", "l"), ("lora_te2_", "g")):
        tensors = {
            f"{prefix}{inner}.lora_up.weight": rand(128, 2),
            f"{prefix}{inner}.lora_down.weight": rand(2, 64),
        }
        lora = save(tmp_path / f"{prefix}.safetensors", tensors)
        reached = {p.config.kind for p in parts if LoraPatcher().touched(lora, p)}  # type: ignore[union-attr]
        assert reached == {kind}


def test_the_first_text_network_of_the_refiner_is_its_clip_g(tmp_path: Path) -> None:
    (part,) = both_texts(tiny_family(tmp_path / "refiner.safetensors", "sdxl_refiner"))
    lora = save(tmp_path / "a.safetensors", lora_tensors(TEXT))
    assert LoraPatcher().touched(lora, part) == {"text_model.encoder.layers.0.mlp.fc1.weight"}


@pytest.mark.parametrize("name", [f"{LINEAR}.lora_up.weight", f"{LINEAR}.alpha"])
def test_numbers_that_are_not_finite_are_an_error_that_names_them(
    tmp_path: Path, files: dict[str, WeightsFile], name: str
) -> None:
    tensors = lora_tensors(LINEAR)
    tensors[name] = torch.full_like(tensors[name], torch.nan)
    patch = LoraPatch(save(tmp_path / "nan.safetensors", tensors), 1.0)
    with pytest.raises(LoraError, match=f"nan.safetensors: {name} holds numbers that are not"):
        unet_weights(Residency(Choices(), LoraPatcher()), Model(files["base"]).patched(patch))


def test_a_parameter_in_a_pickle_leaves_no_gradient(
    tmp_path: Path, files: dict[str, WeightsFile]
) -> None:
    tensors = {n: torch.nn.Parameter(t) for n, t in lora_tensors(LINEAR).items()}
    torch.save(tensors, tmp_path / "a.pt")
    patch = LoraPatch(WeightsFile.of(tmp_path / "a.pt"), 1.0)
    found = unet_weights(Residency(Choices(), LoraPatcher()), Model(files["base"]).patched(patch))
    assert not any(weight.requires_grad for weight in found.values())
