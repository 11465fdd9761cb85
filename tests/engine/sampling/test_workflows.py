"""Whole KSampler runs of the reference: stages, denoise, formats, masks, several prompts."""

from typing import Any

import pytest

from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.workflow import run_workflow, samples_of, workflow_cases

pytestmark = pytest.mark.vectors

# Groups of the vectors, and how many cases must at least be runnable: a selection that shrinks
# would otherwise go unnoticed.
GROUPS = {"ksampler": 20, "conds": 12, "inpaint": 10, "nets": 24}


def params() -> list[Any]:
    return [
        pytest.param(group, case, id=f"{group}/{case['id']}")
        for group in GROUPS
        for case in workflow_cases(group)
    ]


@pytest.mark.parametrize(("group", "case"), params())
def test_a_workflow_gives_the_reference_s_latents(group: str, case: dict[str, Any]) -> None:
    ran = run_workflow(case)
    tensors = golden_tensors("sampling", f"{group}.safetensors")
    for name, want in case["outputs"].items():
        got = samples_of(ran.outputs[name])
        expected = tensors[want["samples"]]
        assert got.shape == expected.shape
        assert (got - expected).abs().max() <= case["atol"]
        if "batch_index" in want:
            assert ran.outputs[name]["batch_index"] == want["batch_index"]
    calls = case.get("net_calls") or case.get("model_calls", [])
    assert [shape for _, shape in ran.calls] == [shape for _, shape, _ in calls]
    assert [at for at, _ in ran.calls] == pytest.approx([at for at, _, _ in calls], rel=2e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_enough_cases_run(group: str) -> None:
    assert len(workflow_cases(group)) >= GROUPS[group]
