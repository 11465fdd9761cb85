"""Golden weights: plain LoRA, LoCon and Tucker files in kohya's names on SD1."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from engine.lora.delta import add_low
from engine.lora.file import read_lora
from engine.lora.keys import stems, target_table
from engine.lora.match import match
from engine.lora.patcher import read_low
from engine.weights.configs import Config, TextConfig, UnetConfig
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.tensors import TensorFile
from tests.engine.sampling.golden import golden_tensors
from tests.support import vectors

pytestmark = pytest.mark.vectors

SD15: dict[str, Config] = {
    "unet": UnetConfig((320, 640, 1280, 1280), (True, True, True, False)),
    "text_encoder": TextConfig(768, 12, 3072),
}
STRENGTH = {"unet": "model", "text_encoder": "clip"}
SCHEMES = {"kohya", "kohya_te1", "kohya_ldm"}
SUFFIXES = (".lora_up.weight", ".lora_down.weight", ".lora_mid.weight", ".alpha")


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors("lora", "manifest.json").read_text())
    return loaded


def tensor_names(path: Path) -> list[str]:
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as opened:
            return list(opened.keys())
    found = torch.load(path, weights_only=True)
    return list(found.get("state_dict", found))


def in_this_slice(case: dict[str, Any]) -> bool:
    """SD1, kohya's names, and nothing but low-rank factors among the tensors that have a place."""
    if case["family"] != "sd15" or case["scheme"] not in SCHEMES:
        return False
    known = [
        name
        for file in case["files"]
        for name in tensor_names(vectors("lora", "cases", file))
        if name not in case["unmatched_keys"]
    ]
    return all(name.endswith(SUFFIXES) for name in known)


CASES = [case for case in manifest()["cases"] if in_this_slice(case)]
RUNS = [
    pytest.param(case, run, id=f"{case['id']}-{run['run']}")
    for case in CASES
    for run in case["runs"]
]


def applied(
    case: dict[str, Any], run: dict[str, Any], base: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of ``base``, by component/parameter, after the chain of the run."""
    weights = {name: tensor.float().clone() for name, tensor in base.items()}
    for component, config in SD15.items():
        mine = {n.partition("/")[2]: w for n, w in weights.items() if n.startswith(f"{component}/")}
        table = target_table(config, {name: tuple(weight.shape) for name, weight in mine.items()})
        chain: dict[str, list[Any]] = {}
        for file, strengths in zip(case["files"], run["strengths"], strict=True):
            lora = read_lora(vectors("lora", "cases", file))
            strength = strengths[STRENGTH[component]]
            with TensorFile(lora.file) as tensors:
                for parameter, factors in match(lora, table).fits.items():
                    low = read_low(tensors, factors, strength, torch.device("cpu"))
                    chain.setdefault(parameter, []).append(low)
        for parameter, changes in chain.items():
            add_low(mine[parameter], [change for change in changes if change.scale])
    return weights


@pytest.mark.parametrize(("case", "run"), RUNS)
def test_patched_weights_equal_the_golden_ones(case: dict[str, Any], run: dict[str, Any]) -> None:
    gold = golden_tensors("lora", "cases", case["gold"])
    base = {n.removeprefix("base/"): t for n, t in gold.items() if n.startswith("base/")}
    prefix = f"want/{run['run']}/"
    want = {n.removeprefix(prefix): t for n, t in gold.items() if n.startswith(prefix)}
    got = applied(case, run, base)
    assert got.keys() == want.keys()
    for name, tensor in want.items():
        torch.testing.assert_close(got[name], tensor, atol=case["atol"], rtol=case["rtol"])
        component = STRENGTH[name.partition("/")[0]]
        if all(strengths[component] == 0 for strengths in run["strengths"]):
            assert torch.equal(got[name], base[name].float()), name


def test_the_slice_holds_every_form_it_promises() -> None:
    ids = {case["algorithm"] for case in CASES} | {case["scheme"] for case in CASES}
    assert {"lora", "lora (LoCon)", "lora+tucker", "chain", *SCHEMES} <= ids
    assert len(CASES) >= 20


SINGLE = [case for case in CASES if len(case["files"]) == 1]


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: str(case["id"]))
def test_unmatched_names_are_those_the_manifest_lists(case: dict[str, Any]) -> None:
    known = {stem for config in SD15.values() for stem, _ in stems(config)}
    lora = read_lora(vectors("lora", "cases", case["files"][0]))
    foreign = {name for stem in lora.names.keys() - known for name in lora.names[stem]}
    assert sorted(foreign | set(lora.unknown)) == case["unmatched_keys"]


@pytest.mark.parametrize(
    "case", [c for c in SINGLE if "shape_mismatch" in c], ids=lambda case: str(case["id"])
)
def test_modules_of_another_shape_are_listed(case: dict[str, Any]) -> None:
    gold = golden_tensors("lora", "cases", case["gold"])
    lora = read_lora(vectors("lora", "cases", case["files"][0]))
    listed = []
    for component, config in SD15.items():
        start = f"base/{component}/"
        shapes = {n.removeprefix(start): tuple(t.shape) for n, t in gold.items() if start in n}
        found = match(lora, target_table(config, shapes))
        listed += [f"{component}/{mismatch.module}" for mismatch in found.mismatched]
    assert listed == case["shape_mismatch"]


@pytest.mark.parametrize("bad", manifest()["must_refuse"], ids=lambda bad: str(bad["file"]))
def test_broken_and_hostile_files_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match=bad["file"].partition(".")[0]):
        read_lora(WeightsFile.of(vectors("lora", "cases", bad["file"])))
