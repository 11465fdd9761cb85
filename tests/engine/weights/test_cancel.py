"""Work on weights that is cancelled: it ends at the next tensor or layer, and leaves no trace."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.graph.run import Cancelled
from engine.lora.patcher import LoraPatcher
from engine.text.encode import encode_prompt
from engine.weights.cancel import Check, no_check
from engine.weights.choices import Choices
from engine.weights.configs import UnetConfig
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.networks import build
from engine.weights.residency import Residency
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, tiny_lora
from tests.engine.weights.tiny import TEXT, UNET, VAE, tiny_checkpoint

NARROW = UnetConfig(widths=(32,), depths=(1,), resnets=1, context_width=64)


class CancelledAt:
    """A check that finds the job cancelled the `at`-th time it looks (from 0)."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.looked = 0

    def __call__(self) -> None:
        self.looked += 1
        if self.looked > self.at >= 0:
            raise Cancelled


def fresh() -> Residency:
    return Residency(Choices(), LoraPatcher())


def looks(work: Callable[[Check], object]) -> int:
    """How often `work` looks whether it is cancelled."""
    check = CancelledAt()
    work(check)
    return check.looked


def weights(residency: Residency, model: Model) -> dict[str, Tensor]:
    return residency.unet(model)._lend(
        lambda network: {name: p.clone() for name, p in network.module.named_parameters()}
    )


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    folder = tmp_path_factory.mktemp("base")
    return tiny_checkpoint(folder / "base.safetensors", UNET, TEXT, VAE)


def test_a_load_cancelled_at_any_tensor_is_forgotten_and_done_anew(tmp_path: Path) -> None:
    model = Model(tiny_checkpoint(tmp_path / "narrow.safetensors", NARROW))
    want = weights(fresh(), model)
    boundaries = looks(lambda check: fresh().unet(model, check))
    assert boundaries > len(want)
    residency = fresh()
    for at in range(boundaries):
        with pytest.raises(Cancelled):
            residency.unet(model, CancelledAt(at))
        assert residency.counters.networks_loaded == 0
    assert equal(weights(residency, model), want)
    assert residency.counters.networks_loaded == 1


def test_a_bake_cancelled_at_any_parameter_is_completed_by_the_next(
    tmp_path: Path, base: WeightsFile
) -> None:
    lora = tiny_lora(tmp_path / "a.safetensors", LINEAR, CROSS, CONV)
    other = tiny_lora(tmp_path / "b.safetensors", CROSS, seed=1)
    plain = Model(base)
    patched = plain.patched(LoraPatch(lora, 0.7))
    chain = patched.patched(LoraPatch(other, -1.0))
    want = {model: weights(fresh(), model) for model in (plain, patched, chain)}
    residency = fresh()
    for before, cancelled, after in (
        (plain, patched, patched),
        (plain, patched, plain),
        (chain, plain, chain),
        (patched, plain, chain),
    ):
        for at in range(4):
            residency.unet(before)
            with pytest.raises(Cancelled):
                residency.unet(cancelled, CancelledAt(at))
            assert equal(weights(residency, after), want[after])
    assert residency.counters.networks_loaded == 1


def test_a_cancelled_load_lets_another_model_be_used(tmp_path: Path, base: WeightsFile) -> None:
    small = Residency(Choices(), LoraPatcher(), budget=1)
    want = weights(fresh(), Model(base))
    other = Model(tiny_checkpoint(tmp_path / "b.safetensors", NARROW, seed=1))
    small.unet(Model(base))
    with pytest.raises(Cancelled):
        small.unet(other, CancelledAt(7))
    assert equal(weights(small, Model(base)), want)


def test_the_unet_looks_before_every_call_also_when_it_has_to_be_loaded_again(
    base: WeightsFile,
) -> None:
    check = CancelledAt()
    residency = fresh()
    unet = residency.unet(Model(base), check)
    x, timestep, context = torch.zeros(1, 4, 8, 8), torch.tensor([9.0]), torch.zeros(1, 7, 64)
    unet(x, timestep, context)
    check.at = check.looked
    with pytest.raises(Cancelled):
        unet(x, timestep, context)
    residency.free()
    check.at = check.looked + 20
    with pytest.raises(Cancelled):
        unet(x, timestep, context)
    check.at = -1
    assert torch.equal(unet(x, timestep, context), fresh().unet(Model(base))(x, timestep, context))


Work = Callable[[Residency, WeightsFile, Check], Tensor]


def encode_text(residency: Residency, file: WeightsFile, check: Check) -> Tensor:
    cond, _ = encode_prompt("a (red:1.3) star", residency.text_encoders(Clip(file), check), -2)
    return cond


def decode(residency: Residency, file: WeightsFile, check: Check) -> Tensor:
    latent = torch.linspace(-1, 1, 4 * 6 * 6).reshape(1, 4, 6, 6)
    return residency.vae(Vae(file), check).decode(latent)


def encode(residency: Residency, file: WeightsFile, check: Check) -> Tensor:
    picture = torch.linspace(0, 1, 16 * 16 * 3).reshape(1, 16, 16, 3)
    return residency.vae(Vae(file), check).encode(picture)


@pytest.mark.parametrize("work", [encode_text, decode, encode])
def test_work_cancelled_at_any_layer_ends_there_and_the_next_is_whole(
    work: Work, base: WeightsFile
) -> None:
    want = work(fresh(), base, no_check)
    residency = fresh()
    work(residency, base, no_check)
    boundaries = looks(lambda check: work(residency, base, check))
    assert boundaries > 15
    for at in range(boundaries):
        check = CancelledAt(at)
        with pytest.raises(Cancelled):
            work(residency, base, check)
        assert check.looked == at + 1
    assert torch.equal(work(residency, base, no_check), want)


def test_a_network_keeps_no_check_of_work_that_is_over(base: WeightsFile) -> None:
    residency = fresh()
    check = CancelledAt()
    decode(residency, base, check)
    looked = check.looked
    decode(residency, base, no_check)
    assert check.looked == looked


def test_the_longest_piece_between_two_looks_is_one_layer(base: WeightsFile) -> None:
    """Every layer of the decoder that has weights is looked before."""
    decoder = build(VAE).get_submodule("decoder")
    layers = [m for m in decoder.modules() if any(True for _ in m.parameters(recurse=False))]
    residency = fresh()
    decode(residency, base, no_check)
    assert looks(lambda check: decode(residency, base, check)) >= len(layers)
