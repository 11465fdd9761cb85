"""Weights that rest elsewhere, or in a smaller type, are there when their layers run and only then.

On a machine without a GPU everything but the copy between devices is the same.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.lora.patcher import LoraPatcher
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choice, Choices
from engine.weights.handles import Clip, LoraPatch, Model, WeightsFile
from engine.weights.networks import Network, keep, load_network
from engine.weights.residency import Residency
from engine.weights.streaming import Stream
from engine.weights.walk import Walk
from engine.weights.wishes import Wishes
from tests.engine.lora.tiny_lora import CROSS, LINEAR, tiny_lora
from tests.engine.weights.tiny import SDXL_UNET, UNET, tiny_checkpoint, tiny_family, tokens

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return tiny_family(tmp_path_factory.mktemp("xl") / "xl.safetensors", "sdxl")


def predicted(residency: Residency, model: Model) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return residency.unet(model)(
        torch.randn(2, 4, 8, 8, generator=draw),
        torch.tensor([900.0, 3.0]),
        torch.randn(2, 5, SDXL_UNET.context_width, generator=draw),
        y=torch.randn(2, SDXL_UNET.vector, generator=draw),
    )


def with_stored(file: WeightsFile, dtype: torch.dtype) -> tuple[Network, Network]:
    """The UNet of ``file`` plainly in float32, and kept as ``dtype`` and computing in float32."""
    part = inspect_checkpoint(file).unet
    assert part is not None
    choice = Choices().of(part.config)
    return load_network(part, choice), load_network(part, replace(choice, stored=dtype))


def test_a_network_kept_in_the_file_s_type_computes_as_in_float32(sdxl: WeightsFile) -> None:
    """The file has float16, so nothing is lost by keeping that and widening it layer by layer."""
    plain = Residency(Choices(), LoraPatcher())
    want = plain.text_encoders(Clip(sdxl))[1](tokens(), -2)
    half = Residency(Choices(wishes=Wishes(text="fp16")), LoraPatcher())
    found = half.text_encoders(Clip(sdxl))[1](tokens(), -2)
    assert all(torch.equal(a, b) for a, b in zip(found, want, strict=True))


def test_weights_are_there_only_while_their_group_runs(sdxl: WeightsFile) -> None:
    plain, kept = with_stored(sdxl, torch.float16)
    assert kept.bytes * 2 == plain.bytes
    widened: list[int] = []

    def count(*_: Any) -> None:
        types = [parameter.dtype for parameter in kept.module.parameters()]
        widened.append(sum(one == torch.float32 for one in types))

    for layer in kept.module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.GroupNorm | nn.LayerNorm):
            layer.register_forward_hook(count)
    assert kept.stream is not None
    x, context = torch.randn(1, 4, 8, 8), torch.randn(1, 5, SDXL_UNET.context_width)
    y, time = torch.randn(1, SDXL_UNET.vector), torch.tensor([3.0])
    with torch.no_grad(), kept.stream.running():
        found = Walk(kept.module, context)(x, time, y)
    assert torch.equal(found, Walk(plain.module, context)(x, time, y))
    assert min(widened) > 0
    assert max(widened) < len(kept.parameters) / 5
    assert {parameter.dtype for parameter in kept.module.parameters()} == {torch.float16}


def test_what_rests_is_put_back_when_a_call_ends_in_an_error(sdxl: WeightsFile) -> None:
    _, kept = with_stored(sdxl, torch.float16)
    assert kept.stream is not None
    with pytest.raises(ZeroDivisionError), kept.stream.running():
        kept.module.get_submodule("conv_in")(torch.zeros(1, 4, 8, 8))
        assert kept.parameters["conv_in.weight"].dtype == torch.float32
        raise ZeroDivisionError
    assert kept.parameters["conv_in.weight"].dtype == torch.float16


def test_it_works_in_and_out_of_inference_mode(sdxl: WeightsFile) -> None:
    residency = Residency(Choices(), LoraPatcher())
    model = Model(sdxl, stored="fp8_e4m3fn")
    with torch.inference_mode():
        inside = predicted(residency, model)
    assert torch.equal(predicted(residency, model), inside)
    with torch.inference_mode():
        assert torch.equal(predicted(residency, model), inside)


@pytest.mark.parametrize("stored", ["fp8_e4m3fn", "fp8_e5m2"])
def test_eight_bits_keep_matrices_and_leave_norms_whole(sdxl: WeightsFile, stored: Any) -> None:
    residency = Residency(Choices(), LoraPatcher())
    unet = residency.unet(Model(sdxl, stored=stored))
    kept: Network = unet._lend(lambda network: network)
    dtype = getattr(torch, stored.replace("fp8", "float8"))
    types = {(p.dim() > 1, p.dtype) for p in kept.parameters.values()}
    assert types == {(True, dtype), (False, torch.float32)}
    exact = predicted(residency, Model(sdxl))
    rough = predicted(residency, Model(sdxl, stored=stored))
    assert not torch.equal(exact, rough)
    assert torch.corrcoef(torch.stack([exact.flatten(), rough.flatten()]))[0, 1] > 0.95


def test_weights_beyond_eight_bits_take_the_largest_value() -> None:
    live = torch.zeros(2, dtype=torch.float8_e4m3fn)
    keep(live, torch.tensor([1e6, -1e6]))
    assert live.float().tolist() == [448.0, -448.0]


def test_a_lora_is_baked_into_what_rests(tmp_path: Path) -> None:
    base = tiny_checkpoint(tmp_path / "base.safetensors", UNET)
    lora = LoraPatch(tiny_lora(tmp_path / "l.safetensors", LINEAR, CROSS), 1.0)
    plain = Model(base, stored="fp8_e5m2")
    residency = Residency(Choices(), LoraPatcher())

    def weights(model: Model) -> dict[str, Tensor]:
        copied: dict[str, Tensor] = residency.unet(model)._lend(
            lambda network: {n: p.data.float() for n, p in network.parameters.items()}
        )
        return copied

    before = weights(plain)
    patched = weights(plain.patched(lora))
    after = weights(plain)
    changed = [name for name in before if not torch.equal(before[name], patched[name])]
    assert len(changed) == 2
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_groups_are_whole_blocks_in_the_order_in_which_they_run(sdxl: WeightsFile) -> None:
    _, kept = with_stored(sdxl, torch.float16)
    assert isinstance(kept.stream, Stream)
    groups = list(kept.stream._groups)
    assert "down_blocks.1.attentions.0.transformer_blocks.1" in groups
    assert "mid_block.resnets.0" in groups
    owned = [parameter for group in kept.stream._groups.values() for parameter in group]
    assert len(owned) == len({id(one) for one in owned}) == len(kept.parameters)


def test_only_what_is_elsewhere_or_smaller_streams() -> None:
    choice = Choice(CPU, torch.float32, torch.float32, CPU)
    gpu = torch.device("cuda:0")
    assert not choice.streams
    assert replace(choice, stored=torch.float16).streams
    assert replace(choice, device=gpu).streams
    assert not replace(choice, device=gpu, home=gpu).streams
