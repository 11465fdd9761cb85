"""Golden weights: every form of LoRA-family file, applied to a base."""

from collections import Counter
from typing import Any

import pytest
import torch

from engine.lora.algorithms import KINDS
from engine.lora.file import read_lora
from engine.lora.match import match
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from tests.engine.lora.golden import (
    FAMILIES,
    after,
    base_of,
    lora_path,
    manifest,
    strength_of,
    tables,
    wanted,
)

pytestmark = pytest.mark.vectors

MANIFEST = manifest()
# Networks of every family in the manifest exist, so no case is left out.
CASES = [case for case in MANIFEST["cases"] if case["family"] in FAMILIES]
RUNS = [
    pytest.param(case, run, id=f"{case['id']}-{run['run']}")
    for case in CASES
    for run in case["runs"]
]
SINGLE = [case for case in CASES if len(case["files"]) == 1]


def test_no_case_is_left_out() -> None:
    assert len(CASES) == MANIFEST["count"] == len(MANIFEST["cases"])
    assert len(CASES) >= 79
    assert {case["family"] for case in CASES} == FAMILIES.keys()


def test_the_cases_hold_every_algorithm() -> None:
    found = {
        change.kind
        for case in CASES
        for file in case["files"]
        for changes in read_lora(lora_path(file)).changes.values()
        for change in changes
    }
    assert found == KINDS.keys()


@pytest.mark.parametrize(("case", "run"), RUNS)
def test_patched_weights_equal_the_golden_ones(case: dict[str, Any], run: dict[str, Any]) -> None:
    base, want = base_of(case), wanted(case, run)
    got = after(case, run, base)
    assert got.keys() == want.keys()
    for name, tensor in want.items():
        torch.testing.assert_close(got[name], tensor, atol=case["atol"], rtol=case["rtol"])
        component = strength_of(name.partition("/")[0])
        if all(strengths[component] == 0 for strengths in run["strengths"]):
            assert torch.equal(got[name], base[name].float()), name


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: str(case["id"]))
def test_what_is_left_out_is_what_the_manifest_lists(case: dict[str, Any]) -> None:
    lora = read_lora(lora_path(case["files"][0]))
    known, mismatched, unsupported = set[str](), list[str](), list[tuple[str, str]]()
    for component, targets in tables(case["family"], base_of(case)):
        found = match(lora, targets)
        known |= found.known
        mismatched += [f"{component}/{mismatch.module}" for mismatch in found.mismatched]
        unsupported += found.unsupported
    foreign = {name for stem in lora.names.keys() - known for name in lora.names[stem]}
    assert sorted(foreign | set(lora.unknown)) == case["unmatched_keys"]
    assert mismatched == case.get("shape_mismatch", [])
    assert unsupported == []


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: str(case["id"]))
def test_every_parameter_that_changes_is_counted_once(case: dict[str, Any]) -> None:
    base, want = base_of(case), wanted(case, case["runs"][0])
    changed = {n for n, t in want.items() if t.shape != base[n].shape or not t.equal(base[n])}
    lora = read_lora(lora_path(case["files"][0]))
    fits = Counter(
        f"{component}/{parameter}"
        for component, targets in tables(case["family"], base)
        for parameter in match(lora, targets).fits
    )
    assert changed <= fits.keys()
    assert set(fits.values()) <= {1}


@pytest.mark.parametrize("bad", MANIFEST["must_refuse"], ids=lambda bad: str(bad["file"]))
def test_broken_and_hostile_files_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match=bad["file"].partition(".")[0]):
        read_lora(WeightsFile.of(lora_path(bad["file"])))
