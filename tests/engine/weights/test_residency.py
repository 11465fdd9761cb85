"""Live networks: patched exactly, whatever was applied before; loaded once; dropped by need."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from engine.lora.errors import LoraError
from engine.lora.patcher import LoraPatcher
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choices
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.residency import Residency
from engine.weights.wishes import Wishes
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, lora_tensors, tiny_lora
from tests.engine.weights.tiny import UNET, VAE, save, tiny_checkpoint, tokens

CPU = torch.device("cpu")
TO_Q = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return tiny_checkpoint(tmp_path_factory.mktemp("base") / "base.safetensors")


def fresh(budget: int | None = None, wishes: Wishes | None = None) -> Residency:
    return Residency(Choices(CPU, wishes or Wishes()), LoraPatcher(), budget)


def noise(residency: Residency, model: Model) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(1, 4, 8, 8, generator=generator)
    context = torch.randn(1, 7, 64, generator=generator)
    return residency.unet(model)(x, torch.tensor([400.0]), context)


def live_weights(residency: Residency, model: Model) -> dict[str, Tensor]:
    """Copies of all live parameters of the UNet, patched as ``model`` says."""
    return residency.unet(model)._lend(
        lambda network: {name: p.clone() for name, p in network.module.named_parameters()}
    )


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_live_weights_are_the_files_in_float32(base: WeightsFile) -> None:
    weights = live_weights(fresh(), Model(base))
    inside = load_file(base.path)[TO_Q]
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    assert torch.equal(weights[name], inside.float())


def test_a_lora_changes_the_weight_by_the_formula(tmp_path: Path, base: WeightsFile) -> None:
    lora = tiny_lora(tmp_path / "a.safetensors", rank=4)
    weights = live_weights(fresh(), Model(base).patched(LoraPatch(lora, -0.7)))
    factors = {name: tensor.double() for name, tensor in load_file(lora.path).items()}
    up, down = factors[f"{LINEAR}.lora_up.weight"], factors[f"{LINEAR}.lora_down.weight"]
    expected = load_file(base.path)[TO_Q].double() - 0.7 * (1 / 4) * up @ down
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    torch.testing.assert_close(weights[name].double(), expected, atol=1e-7, rtol=1e-6)


def test_the_same_file_twice_adds_twice(tmp_path: Path, base: WeightsFile) -> None:
    lora = tiny_lora(tmp_path / "a.safetensors")
    twice = Model(base).patched(LoraPatch(lora, 0.5)).patched(LoraPatch(lora, 0.25))
    once = Model(base).patched(LoraPatch(lora, 0.75))
    a, b = live_weights(fresh(), twice), live_weights(fresh(), once)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-7, rtol=1e-6)


def test_removing_a_lora_is_never_having_had_it(tmp_path: Path, base: WeightsFile) -> None:
    residency = fresh()
    before = noise(residency, Model(base))
    patched = noise(residency, Model(base).patched(LoraPatch(tiny_lora(tmp_path / "a.st"), 1.0)))
    after = noise(residency, Model(base))
    assert not torch.equal(before, patched)
    assert torch.equal(before, after)


def test_strength_zero_changes_nothing_and_bakes_nothing(tmp_path: Path, base: WeightsFile) -> None:
    residency = fresh()
    plain = live_weights(residency, Model(base))
    zero = Model(base).patched(LoraPatch(tiny_lora(tmp_path / "a.safetensors"), 0.0))
    assert equal(plain, live_weights(residency, zero))
    assert residency.counters.parameters_baked == 0


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    chains=st.lists(
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from([-2.0, -0.3, 0.0, 0.5, 1.0])), max_size=4
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_history_ends_in_the_same_bytes_as_a_fresh_load(
    tmp_path: Path, base: WeightsFile, chains: list[list[tuple[int, float]]]
) -> None:
    loras = [
        tiny_lora(tmp_path / "0.safetensors", seed=0),
        tiny_lora(tmp_path / "1.safetensors", LINEAR, CONV, rank=3, seed=1),
        tiny_lora(tmp_path / "2.safetensors", CROSS, LINEAR, rank=1, seed=2),
    ]
    residency = fresh()
    for chain in chains:
        model = Model(base, tuple(LoraPatch(loras[which], s) for which, s in chain))
        changed = live_weights(residency, model)
    assert equal(changed, live_weights(fresh(), model))


def test_only_parameters_whose_entries_changed_are_baked(tmp_path: Path, base: WeightsFile) -> None:
    a = tiny_lora(tmp_path / "a.safetensors", LINEAR, CROSS)
    b = tiny_lora(tmp_path / "b.safetensors", CROSS, CONV)
    residency = fresh()

    def baked_by(*patches: LoraPatch) -> int:
        before = residency.counters.parameters_baked
        residency.unet(Model(base, patches))
        return residency.counters.parameters_baked - before

    assert baked_by(LoraPatch(a, 1.0)) == 2
    assert baked_by(LoraPatch(a, 1.0)) == 0
    assert baked_by(LoraPatch(a, 1.0), LoraPatch(b, 0.5)) == 2  # CROSS and CONV
    assert baked_by(LoraPatch(a, 1.0), LoraPatch(b, 0.6)) == 2
    assert baked_by(LoraPatch(b, 0.6)) == 2  # LINEAR back to the base, CROSS without a
    assert baked_by() == 2


def test_baking_writes_into_the_same_memory(tmp_path: Path, base: WeightsFile) -> None:
    residency = fresh()
    patched = Model(base).patched(LoraPatch(tiny_lora(tmp_path / "a.safetensors"), 1.0))
    before, after = (
        residency.unet(model)._lend(
            lambda network: {n: p.data_ptr() for n, p in network.module.named_parameters()}
        )
        for model in (Model(base), patched)
    )
    assert before == after


def test_unet_and_text_encoder_have_their_own_strengths(tmp_path: Path, base: WeightsFile) -> None:
    lora = tiny_lora(tmp_path / "a.safetensors")
    residency = fresh()
    plain, _ = residency.text_encoders(Clip(base))[0](tokens(), -1)
    unpatched, _ = residency.text_encoders(Clip(base).stopped_at(-1))[0](tokens(), -1)
    residency.unet(Model(base).patched(LoraPatch(lora, 1.0)))
    still, _ = residency.text_encoders(Clip(base))[0](tokens(), -1)
    patched, _ = residency.text_encoders(Clip(base).patched(LoraPatch(lora, 1.0)))[0](tokens(), -1)
    assert torch.equal(plain, unpatched)
    assert torch.equal(plain, still)
    assert not torch.equal(plain, patched)


def test_a_network_handed_out_before_keeps_its_own_patches(
    tmp_path: Path, base: WeightsFile
) -> None:
    residency = fresh()
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([9.0]), torch.randn(1, 7, 64)
    plain = residency.unet(Model(base))
    want = plain(x, t, context)
    lora = LoraPatch(tiny_lora(tmp_path / "a.safetensors"), 1.0)
    other = residency.unet(Model(base).patched(lora))
    assert not torch.equal(want, other(x, t, context))
    assert torch.equal(want, plain(x, t, context))
    residency.free()
    assert torch.equal(want, plain(x, t, context))


def test_a_file_that_was_replaced_is_not_mixed_with_what_it_was(
    tmp_path: Path, base: WeightsFile
) -> None:
    residency = fresh()
    before = live_weights(residency, Model(base))
    lora = tiny_lora(tmp_path / "a.safetensors")
    residency.unet(Model(base).patched(LoraPatch(lora, 1.0)))
    tiny_lora(tmp_path / "a.safetensors", seed=9)
    # Clocks of file systems are coarse; a person is slower than this test.
    os.utime(lora.path, ns=(lora.mtime_ns, lora.mtime_ns + 1))
    with pytest.raises(WeightsError, match=r"a\.safetensors has changed on disk"):
        residency.unet(Model(base).patched(LoraPatch(lora, 0.5)))
    assert equal(before, live_weights(residency, Model(base)))


def test_a_bake_that_fails_half_way_is_mended_by_the_next(
    tmp_path: Path, base: WeightsFile
) -> None:
    residency = fresh()
    before = live_weights(residency, Model(base))
    tensors = lora_tensors(LINEAR, CROSS, CONV)
    tensors[f"{CROSS}.alpha"] = torch.tensor(float("nan"))
    broken = LoraPatch(save(tmp_path / "broken.safetensors", tensors), 1.0)
    with pytest.raises(LoraError, match=r"broken\.safetensors: .*attn2_to_k\.alpha"):
        residency.unet(Model(base).patched(broken))
    assert equal(before, live_weights(residency, Model(base)))


def test_a_network_loaded_in_inference_mode_is_patched_outside_of_it(
    tmp_path: Path, base: WeightsFile
) -> None:
    residency = fresh()
    patched = Model(base).patched(LoraPatch(tiny_lora(tmp_path / "a.safetensors"), 1.0))
    with torch.inference_mode():
        residency.unet(Model(base))
    outside = live_weights(residency, patched)
    with torch.inference_mode():
        residency.unet(Model(base))
    assert equal(outside, live_weights(residency, patched))


def test_what_was_not_used_for_longest_is_dropped_when_the_budget_is_full(tmp_path: Path) -> None:
    a = tiny_checkpoint(tmp_path / "a.safetensors", UNET, seed=1)
    b = tiny_checkpoint(tmp_path / "b.safetensors", UNET, seed=2)
    part = inspect_checkpoint(a).unet
    assert part is not None
    small = fresh(budget=part.parameters * 4)
    first = noise(small, Model(a))
    noise(small, Model(b))
    assert torch.equal(first, noise(small, Model(a)))
    assert (small.counters.networks_loaded, small.counters.networks_dropped) == (3, 2)
    large = fresh(budget=part.parameters * 8)
    for file in (a, b, a, b):
        large.unet(Model(file))
    assert (large.counters.networks_loaded, large.counters.networks_dropped) == (2, 0)


def test_a_part_that_the_file_lacks_is_an_error_that_names_it(tmp_path: Path) -> None:
    only_vae = tiny_checkpoint(tmp_path / "vae.safetensors", VAE)
    residency = fresh()
    residency.vae(Vae(only_vae))
    with pytest.raises(WeightsError, match=r"vae\.safetensors holds no UNet"):
        residency.unet(Model(only_vae))
    with pytest.raises(WeightsError, match="holds no text encoder"):
        residency.text_encoders(Clip(only_vae))


@pytest.mark.parametrize(
    ("wishes", "dtype"),
    [(Wishes(unet="bf16"), torch.bfloat16), (Wishes(force="fp16"), torch.float16)],
)
def test_a_live_dtype_below_float32_is_rounded_once(
    tmp_path: Path, base: WeightsFile, wishes: Wishes, dtype: torch.dtype
) -> None:
    model = Model(base).patched(LoraPatch(tiny_lora(tmp_path / "a.safetensors"), 0.8))
    exact = live_weights(fresh(), model)
    low = live_weights(fresh(wishes=wishes), model)
    assert all(torch.equal(low[name], exact[name].to(dtype)) for name in exact)
