"""What goes first when memory is needed."""

from pathlib import Path

import pytest
import torch

from engine.lora.patcher import LoraPatcher
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choices
from engine.weights.handles import LoraPatch, Model, WeightsFile
from engine.weights.ledger import Ledger, Resident
from engine.weights.networks import load_network
from engine.weights.residency import Residency
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, tiny_lora
from tests.engine.weights.tiny import UNET, save, tiny_checkpoint, tiny_tensors

CPU = torch.device("cpu")


def resident(file: WeightsFile) -> Resident:
    part = inspect_checkpoint(file).unet
    assert part is not None
    choice = Choices().of(part.config)
    return Resident((part, choice), load_network(part, choice))


@pytest.fixture
def three(tmp_path: Path) -> list[Resident]:
    return [
        resident(tiny_checkpoint(tmp_path / f"{i}.safetensors", UNET, seed=i)) for i in range(3)
    ]


def test_bytes_are_counted_by_device(three: list[Resident]) -> None:
    ledger = Ledger()
    for one in three[:2]:
        ledger.add(one)
    assert ledger.used(CPU) == 2 * three[0].part.parameters * 4
    assert ledger.used(torch.device("cuda:0")) == 0
    assert ledger.first_to_go(torch.device("cuda:0")) is None
    ledger.drop(three[0])
    assert ledger.used(CPU) == three[1].network.bytes


def test_of_equals_the_one_that_was_not_used_for_longest_goes(three: list[Resident]) -> None:
    ledger = Ledger()
    for one in three:
        ledger.add(one)
    ledger.use(three[0])
    order = []
    while (goes := ledger.first_to_go(CPU)) is not None:
        order.append(goes)
        ledger.drop(goes)
    assert order == [three[1], three[2], three[0]]


def test_what_is_in_use_does_not_go(three: list[Resident]) -> None:
    ledger = Ledger()
    ledger.add(three[0])
    assert ledger.first_to_go(CPU, but=three[0]) is None


def test_what_costs_more_to_bring_back_stays_longer_but_not_for_ever(tmp_path: Path) -> None:
    tensors = tiny_tensors(UNET)
    dear = resident(save(tmp_path / "dear.safetensors", tensors, torch.float32))
    cheap = [resident(save(tmp_path / f"{i}.safetensors", tensors)) for i in range(4)]
    assert dear.worth == 2 * cheap[0].worth
    ledger = Ledger()
    ledger.add(dear)
    gone = []
    for one in cheap:
        ledger.add(one)
        goes = ledger.first_to_go(CPU)
        assert goes is not None
        gone.append(goes)
        ledger.drop(goes)
    # It was used before all others; twice one of those went in its place.
    assert gone.index(dear) == 1
    assert gone[0] is cheap[0]


def test_patches_make_a_network_worth_more(tmp_path: Path) -> None:
    plain = tiny_checkpoint(tmp_path / "plain.safetensors", UNET, seed=1)
    other = tiny_checkpoint(tmp_path / "other.safetensors", UNET, seed=2)
    lora = LoraPatch(tiny_lora(tmp_path / "l.safetensors", LINEAR, CROSS, CONV), 1.0)
    part = inspect_checkpoint(plain).unet
    assert part is not None
    residency = Residency(Choices(), LoraPatcher(), budget=2 * part.parameters * 4)
    residency.unet(Model(plain).patched(lora))
    residency.unet(Model(other))
    residency.unet(Model(tiny_checkpoint(tmp_path / "third.safetensors", UNET, seed=3)))
    assert plain.path in residency.warm
    assert other.path not in residency.warm
