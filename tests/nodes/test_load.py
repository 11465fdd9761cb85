"""Packs are loaded with the built-in nodes; one that cannot be is named, and the others load."""

import logging
from pathlib import Path

import pytest

from nodes.load import load_registry

GOOD = """
class Good:
    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def run(self):
        return (1,)

NODE_CLASS_MAPPINGS = {"Good": Good, "KSampler": Good}
"""


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('broken')",
        "import sys; sys.exit('please install something')",
        "import a_module_that_nobody_has",
        "this is no Python",
        "value = 1",
    ],
)
def test_a_pack_that_cannot_be_imported_stops_no_other(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a_broken_one.py").write_text(source)
    (tmp_path / "good.py").write_text(GOOD)
    with caplog.at_level(logging.ERROR):
        registry = load_registry(tmp_path)
    assert registry["Good"].spec.module == "custom_nodes.good"
    assert "a_broken_one" in caplog.text


def test_a_pack_cannot_replace_a_built_in_node(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    assert registry_module(tmp_path, "KSampler") == "nodes"


def test_what_is_switched_off_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "good.py.disabled").write_text(GOOD)
    (tmp_path / "empty folder").mkdir()
    assert "Good" not in load_registry(tmp_path)


def registry_module(folder: Path, class_type: str) -> str:
    return load_registry(folder)[class_type].spec.module
