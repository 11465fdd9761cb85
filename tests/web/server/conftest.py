"""One server for the tests of this folder; those that need another start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.server.serving import Server, wait_for


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base: Path = tmp_path_factory.mktemp("base")
    server = Server(base, "--max-upload-size", "32", "--preview-method", "latent2rgb")
    yield server
    assert server.stop() == 0


@pytest.fixture
def gate(server: Server, tmp_path: Path) -> Iterator[Path]:
    """The ``file`` of a ToyGate; the gate opens at the end of the test if not before."""
    file = tmp_path / "gate"
    yield file
    file.touch()
    wait_for(lambda: server.get("/prompt").json["exec_info"]["queue_remaining"] == 0)
