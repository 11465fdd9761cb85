"""The sigma nodes, against the reference's values."""

import json
from typing import Any

import pytest
import torch

from nodes import sigmas as shelf
from tests.engine.sampling.toy import MODEL_KINDS, toy_model
from tests.support import vectors

FUNCTIONS = {
    found.spec.class_type: function
    for function in vars(shelf).values()
    if (found := getattr(function, "__patchbay_node__", None)) is not None
}


def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "sigma_nodes.json").read_text())
    return found


def cases() -> list[Any]:
    found = table()["cases"]
    assert len(found) >= 98
    return [pytest.param(case, id=f"{case['node']}-{n}") for n, case in enumerate(found)]


def called(node: str, inputs: dict[str, Any]) -> Any:
    """What the node gives, its model one of the toys."""
    values: dict[str, Any] = dict(inputs)
    if "model" in values:
        values["model"] = toy_model(values["model"])
    if "sigmas" in values:
        values["sigmas"] = torch.tensor(values["sigmas"])
    return FUNCTIONS[node](**values)


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_a_sigma_node_gives_the_reference_s_values(case: dict[str, Any]) -> None:
    found, rtol = called(case["node"], case["inputs"]), table()["rtol"]
    if "output" in case:
        assert found == pytest.approx(case["output"], rel=rtol)
        return
    lists = found if isinstance(found, tuple) else (found,)
    wanted = case["outputs"] if "outputs" in case else [case["sigmas"]]
    assert len(lists) == len(wanted)
    for got, want in zip(lists, wanted, strict=True):
        assert got.dtype == torch.float32
        assert got.tolist() == pytest.approx(want, rel=rtol, abs=0)


@pytest.mark.vectors
def test_every_sigma_node_of_the_reference_is_here() -> None:
    assert {case["node"] for case in table()["cases"]} <= set(FUNCTIONS)
    assert {case["inputs"]["model"] for case in table()["cases"] if "model" in case["inputs"]} <= (
        set(MODEL_KINDS)
    )


@pytest.mark.parametrize(
    ("node", "inputs", "said"),
    [
        ("KarrasScheduler", {"rho": 0.0}, "rho is 0"),
        ("ExponentialScheduler", {"sigma_min": 0.0}, "sigma_min is 0"),
        ("VPScheduler", {"beta_d": 5000.0, "beta_min": 5000.0}, "without end"),
        ("BetaSamplingScheduler", {"model": "sd1", "alpha": 0.0}, "have to be above 0"),
        ("GITSScheduler", {"coeff": 0.99}, "GITS has tables for"),
    ],
)
def test_numbers_that_give_no_list_are_refused(
    node: str, inputs: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        called(node, inputs)


def test_a_list_may_be_empty_and_stays_so() -> None:
    empty: list[float] = []
    assert len(called("FlipSigmas", {"sigmas": empty})) == 0
    assert len(called("SetFirstSigma", {"sigmas": empty, "sigma": 3.0})) == 0
    assert [len(half) for half in called("SplitSigmas", {"sigmas": empty, "step": 3})] == [0, 0]
    assert len(called("ExtendIntermediateSigmas", {"sigmas": empty, "spacing": "linear"})) == 0
