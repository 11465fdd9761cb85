"""Pickle files: weights come out, code never runs, contents decide and not the extension."""

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.pickles import is_pickle, read_pickle
from engine.weights.tensors import TensorFile, catalogue
from tests.engine.weights.tiny import save

WEIGHT = torch.arange(6.0).reshape(2, 3)


class Command:
    """A pickle of this runs a shell command when it is loaded by a careless reader."""

    def __init__(self, function: Any, argument: str) -> None:
        self.call = (function, (argument,))

    def __reduce__(self) -> Any:
        return self.call


def stored(path: Path, content: object, *, zipped: bool = True) -> WeightsFile:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return WeightsFile.of(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"state_dict": d}, lambda d: {"params": d}]
)
def test_named_tensors_are_found_inside_the_usual_wrappers(
    tmp_path: Path, wrap: Any, zipped: bool
) -> None:
    content = OrderedDict(w=WEIGHT, p=nn.Parameter(WEIGHT + 1), steps=7)
    file = stored(tmp_path / "a.ckpt", wrap(content), zipped=zipped)
    with TensorFile(file) as opened:
        assert torch.equal(opened.read("w"), WEIGHT)
        assert torch.equal(opened.read("p"), WEIGHT + 1)
        assert catalogue(file).tensors["w"].shape == (2, 3)
        assert "steps" not in opened.header.tensors


FUNCTIONS = [os.system, exec, eval, __import__, print, open]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("form", ["zip", "legacy", "bare", "extension"])
def test_a_file_with_code_is_refused_and_nothing_runs(
    tmp_path: Path, function: Any, form: str
) -> None:
    mark = tmp_path / "ran"
    arguments = {
        os.system: f"touch {mark}",
        exec: f"open({str(mark)!r}, 'w')",
        eval: f"open({str(mark)!r}, 'w')",
        open: str(mark),
    }
    content = {"w": WEIGHT, "x": Command(function, arguments.get(function, "os"))}
    path = tmp_path / ("evil.safetensors" if form == "extension" else "evil.ckpt")
    if form == "bare":
        path.write_bytes(pickle.dumps({"x": content["x"]}, protocol=2))
        file = WeightsFile.of(path)
    else:
        file = stored(path, content, zipped=form != "legacy")
    with pytest.raises(WeightsError, match=r"evil\..*holds code.*was not opened"):
        catalogue(file)
    assert not mark.exists()


def test_the_classes_old_training_tools_left_behind_are_inert(tmp_path: Path) -> None:
    """A Lightning checkpoint names its callback class, which is not installed here."""
    path = tmp_path / "old.ckpt"
    stored(path, {"state_dict": {"w": WEIGHT}, "callbacks": {OrderedDict: 1}})
    lightning = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    changed = tmp_path / "lightning.ckpt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("data.pkl"):
                assert b"ccollections\nOrderedDict\n" in data
                data = data.replace(b"ccollections\nOrderedDict\n", lightning)
            target.writestr(item.filename, data)
    assert torch.equal(read_pickle(WeightsFile.of(changed))["w"], WEIGHT)


def test_contents_decide_and_not_the_extension(tmp_path: Path) -> None:
    pickled = stored(tmp_path / "a.safetensors", {"w": WEIGHT})
    safe = save(tmp_path / "b.ckpt", {"w": WEIGHT}, torch.float32)
    assert (is_pickle(pickled), is_pickle(safe)) == (True, False)
    for file in (pickled, safe):
        with TensorFile(file) as opened:
            assert torch.equal(opened.read("w"), WEIGHT)


def test_items_of_a_list_are_named_by_their_places(tmp_path: Path) -> None:
    found = read_pickle(stored(tmp_path / "a.pt", [WEIGHT, 2 * WEIGHT]))
    assert list(found) == ["0", "1"]
    assert torch.equal(found["1"], 2 * WEIGHT)


@pytest.mark.parametrize("content", [[1], [], {"a": 1}, "text"])
def test_a_pickle_without_named_tensors_says_so(tmp_path: Path, content: Any) -> None:
    with pytest.raises(WeightsError, match="no named tensors"):
        read_pickle(stored(tmp_path / "a.pt", content))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    zipped=st.booleans(),
    at=st.integers(0, 1500),
    length=st.integers(0, 40),
    put=st.binary(max_size=8),
)
def test_a_mutated_pickle_is_read_or_refused(
    tmp_path: Path, zipped: bool, at: int, length: int, put: bytes
) -> None:
    path = tmp_path / "fuzz.pt"
    torch.save({"w": WEIGHT}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + put + whole[at + length :])
    try:
        names = catalogue(WeightsFile.of(path)).tensors.keys()
    except WeightsError as error:
        assert "fuzz.pt" in str(error)
    else:
        assert names
