"""Hypernetworks: files and mathematics."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.text.hypernetwork import (
    HypernetworkError,
    Loader,
    chained,
    read_hypernetwork,
)
from engine.weights.handles import WeightsFile
from tests.engine.sampling.golden import golden_tensors
from tests.engine.text.golden import Case, cases
from tests.support import vectors

TOLERANCE = 1e-5


def file_of(case: Case) -> WeightsFile:
    return WeightsFile.of(vectors("prompt", case["file"]))


@pytest.mark.vectors
def test_keys_and_values_are_those_of_webui() -> None:
    tensors = golden_tensors("prompt", "hypernet_expected.safetensors")
    found = cases("hypernet", "cases", 14)
    assert len({case["file"] for case in found}) >= 6
    for case in found:
        k, v = read_hypernetwork(file_of(case))(tensors[case["in"]], case["strength"])
        assert (k - tensors[case["k"]]).abs().max() <= TOLERANCE, case
        assert (v - tensors[case["v"]]).abs().max() <= TOLERANCE, case


@pytest.mark.vectors
def test_the_engine_s_loader_refuses_and_differs_where_the_reference_does() -> None:
    tensors = golden_tensors("prompt", "hypernet_expected.safetensors")
    for case in cases("hypernet", "cases", 2, lambda case: "refuses" in case.get("note", "")):
        with pytest.raises(HypernetworkError, match="names no activation"):
            read_hypernetwork(file_of(case), Loader.ENGINE)
    for case in cases("hypernet", "cases", 2, lambda case: "differs" in case.get("note", "")):
        k, _ = read_hypernetwork(file_of(case), Loader.ENGINE)(
            tensors[case["in"]], case["strength"]
        )
        assert (k - tensors[case["k"]]).abs().max() > TOLERANCE, case


def state(**changes: Any) -> dict[Any, Any]:
    layers = {
        "linear.0.weight": torch.full((2, 1), 2.0),
        "linear.0.bias": torch.tensor([-1.0, 1.0]),
        "linear.1.weight": torch.full((1, 2), -1.0),
        "linear.1.bias": torch.zeros(1),
    }
    return {1: (layers, layers), "activation_func": "relu", **changes}


def saved(path: Path, held: object) -> WeightsFile:
    torch.save(held, path)
    return WeightsFile.of(path)


@pytest.mark.parametrize(
    ("changes", "loader", "said"),
    [
        # c = 0: relu([-1, 1]) = [0, 1], and -1 in all, which relu takes away.
        ({"activate_output": False}, Loader.WEBUI, -1.0),
        ({"activate_output": True}, Loader.WEBUI, 0.0),
        ({}, Loader.WEBUI, 0.0),
        ({}, Loader.ENGINE, -1.0),
        ({"is_layer_norm": True}, Loader.ENGINE, 0.0),
        ({"activation_func": None, "activate_output": False}, Loader.WEBUI, 0.0),
        ({"activation_func": "linear"}, Loader.ENGINE, 0.0),
    ],
)
def test_activations_stand_where_each_loader_puts_them(
    tmp_path: Path, changes: dict[str, Any], loader: Loader, said: float
) -> None:
    network = read_hypernetwork(saved(tmp_path / "h.pt", state(**changes)), loader)
    assert network(torch.zeros(1, 1), 1.0)[0].item() == said


def test_contexts_of_other_widths_are_left_alone(tmp_path: Path) -> None:
    network = read_hypernetwork(saved(tmp_path / "h.pt", state()))
    context = torch.randn(2, 5)
    assert torch.equal(network(context, 1.0)[0], context)


def test_several_are_applied_one_after_the_other_in_float32(tmp_path: Path) -> None:
    network = read_hypernetwork(saved(tmp_path / "h.pt", state(activate_output=False)))
    context = torch.zeros(1, 1, dtype=torch.float16)
    k, v = chained([(network, 1.0), (network, 0.5)], context)
    assert k.dtype == v.dtype == torch.float16
    # -1 after the first; there relu([-3, -1]) = 0 changes nothing.
    assert k.item() == -1


class Code:
    def __reduce__(self) -> Any:
        return (print, ("this was run",))


BROKEN: list[tuple[object, str]] = [
    ({1: (Code(), Code())}, "holds code"),
    (state(activation_func="made up"), "'made up', which is not known"),
    ({"name": "x"}, "no modules"),
    ([1, 2], "not a hypernetwork"),
    ({1: ({}, {})}, "do not fit together"),
    ({1: 3}, "do not fit together"),
    ({2: state()[1]}, "do not fit together"),
]


@pytest.mark.parametrize(("held", "told"), BROKEN)
def test_what_cannot_be_used_is_told(
    tmp_path: Path, held: object, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "h.pt"
    try:
        torch.save(held, path)
    except (pickle.PicklingError, TypeError):
        pytest.fail("the test's own file cannot be written")
    with pytest.raises(HypernetworkError, match=told):
        read_hypernetwork(WeightsFile.of(path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_told(tmp_path: Path, number: float) -> None:
    held = state()
    held[1][0]["linear.1.bias"].fill_(number)
    with pytest.raises(HypernetworkError, match="not finite"):
        read_hypernetwork(saved(tmp_path / "h.pt", held))


def test_a_cut_off_file_is_told(tmp_path: Path) -> None:
    file = saved(tmp_path / "h.pt", state())
    Path(file.path).write_bytes(Path(file.path).read_bytes()[:200])
    with pytest.raises(HypernetworkError, match="damaged"):
        read_hypernetwork(WeightsFile.of(file.path))
