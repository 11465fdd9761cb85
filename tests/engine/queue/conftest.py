"""Tiny workers find our modules; and a store to begin with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.queue.store import Store
from tests.support import REPOSITORY


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    yield store
    store.close()
