"""Whole workflows of the reference through the engine: what comes out, and what models are asked.

A case runs as soon as all its nodes are on a shelf (`workflow.py`).
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import Calls, calls_of, network_calls_of
from tests.engine.sampling.workflow import Workflows, fault_cases, workflow_cases

pytestmark = pytest.mark.vectors

# Groups of the vectors, and how many cases must at least be runnable: a selection that shrinks
# would otherwise go unnoticed.
GROUPS = {
    "ksampler": 29,
    "nets": 29,
    "conds": 37,
    "control": 8,
    "inpaint": 22,
    "guidance": 36,
    "latent_ops": 21,
}


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflows]:
    found = Workflows(tmp_path_factory.mktemp("workflows"))
    yield found
    found.close()


def params() -> list[Any]:
    return [
        pytest.param(group, case, id=f"{group}/{case['id']}")
        for group in GROUPS
        for case in workflow_cases(group)
    ]


@pytest.mark.parametrize(("group", "case"), params())
def test_a_workflow_gives_the_reference_s_values(
    workflows: Workflows, group: str, case: dict[str, Any]
) -> None:
    ran = workflows.run(case)
    tensors = golden_tensors("sampling", f"{group}.safetensors")
    for name, want in case["outputs"].items():
        for got, expected in compared(ran.outputs[name], want, tensors):
            assert got.shape == expected.shape
            assert (got - expected).abs().max() <= case["atol"]
    check_calls(calls_of(*ran.models), case.get("model_calls", []))
    check_calls(network_calls_of(*ran.models), case.get("net_calls", []))


def compared(
    got: Any, want: dict[str, Any], tensors: dict[str, Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """The tensors of an output beside those of the reference. Raises AssertionError where more than
    numbers differs.
    """
    if want["type"] == "LATENT":
        assert got.get("batch_index") == want.get("batch_index")
        yield from (
            (got[key], tensors[want[key]]) for key in ("samples", "noise_mask") if key in want
        )
    elif want["type"] == "CONDITIONING":
        assert len(got) == len(want["entries"])
        for (context, options), entry in zip(got, want["entries"], strict=True):
            yield context, torch.tensor(entry["cond"]).view(entry["shape"])
            if "pooled_output" in entry:
                yield options["pooled_output"].flatten(), torch.tensor(entry["pooled_output"])
    else:
        yield got, tensors[want["tensor"]]


def check_calls(got: Calls, wanted: list[Any]) -> None:
    """Each call asked for the same noise level (or timestep), of the same batch."""
    assert [shape for _, shape, _ in got] == [shape for _, shape, _ in wanted]
    assert [at for at, _, _ in got] == pytest.approx([at for at, _, _ in wanted], rel=2e-6)
    # Which prompts the parts of the batch are for, where it was said.
    assert [c or w for (_, _, c), (_, _, w) in zip(got, wanted, strict=True)] == [
        w for _, _, w in wanted
    ]


@pytest.mark.parametrize("case", fault_cases("latent_ops"), ids=lambda case: str(case["id"]))
def test_where_the_reference_fails_this_gives_finite_numbers(
    workflows: Workflows, case: dict[str, Any]
) -> None:
    """Spec section 14, fixed: batches of LatentInterpolate, overlaps of VAEEncodeTiled."""
    found = workflows.run(case).outputs["o"]
    assert bool(found["samples"].isfinite().all())


@pytest.mark.parametrize("group", GROUPS)
def test_enough_cases_run(group: str) -> None:
    assert len(workflow_cases(group)) >= GROUPS[group]
