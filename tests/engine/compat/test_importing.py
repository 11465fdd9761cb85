"""Packs import ComfyUI's names and get the engine's modules."""

import importlib
import sys

import pytest

from engine.compat import importing
from engine.compat.comfy_execution import graph


def test_a_reserved_name_is_the_engines_own_module() -> None:
    importing.install()
    module = importlib.import_module("comfy_execution.graph")
    assert module is graph
    assert module.__name__ == "engine.compat.comfy_execution.graph"
    assert module.__spec__ is not None
    assert module.__spec__.name == module.__name__


def test_both_ways_to_import_give_the_same_class() -> None:
    importing.install()
    io = importlib.import_module("comfy_api.latest.io")
    assert importlib.import_module("comfy_api.latest").io is io
    assert importlib.import_module("comfy_api.v0_0_2").io is io


def test_what_is_missing_is_named() -> None:
    importing.install()
    with pytest.raises(ModuleNotFoundError, match=r"'comfy\.samplers' is not provided"):
        importlib.import_module("comfy.samplers")
    with pytest.raises(ModuleNotFoundError, match=r"'comfy_execution\.nope' is not provided"):
        importlib.import_module("comfy_execution.nope")
    with pytest.raises(AttributeError, match=r"'comfy\.sd' is not provided"):
        importlib.import_module("comfy").sd  # noqa: B018


def test_installing_twice_changes_nothing() -> None:
    importing.install()
    before = list(sys.meta_path)
    importing.install()
    assert sys.meta_path == before
