from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.execution.bench import Bench
from tests.engine.execution.pack import ANY, Pack, define, times


@pytest.fixture
def pack() -> Pack:
    return Pack()


@pytest.fixture
def bench(tmp_path: Path, pack: Pack) -> Iterator[Bench]:
    extra = [*pack.definitions(), define("Times", {"a": {}, "b": {}}, (ANY,), times)]
    found = Bench(tmp_path, extra)
    yield found
    found.executor.close()
