"""Starting and ending: lean imports, exit codes, the line that launchers wait for."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.web.server.serving import PATIENCE, Server, alive, children, wait_for

HEAVY = ("torch", "numpy", "PIL", "diffusers", "transformers", "safetensors", "tokenizers", "nodes")


def run(*flags: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "main.py"), *flags],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **(env or {})},
    )


def test_the_server_s_code_imports_nothing_heavy():
    code = "import sys, web.server.app; print(' '.join(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    loaded = {name.partition(".")[0] for name in found.stdout.split()}
    assert "aiohttp" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_server_that_worked_has_still_not_loaded_torch(server: Server):
    assert server.get("/object_info").status == 200
    assert server.get("/system_stats").status == 200
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "torch" not in maps
    (worker,) = wait_for(lambda: children(server.process.pid))
    assert "torch" in Path(f"/proc/{worker}/maps").read_text()


def test_the_line_for_launchers_names_the_address(server: Server):
    line = next(line for line in server.log if line.startswith("To see the GUI go to: "))
    assert re.fullmatch(r"To see the GUI go to: http://127\.0\.0\.1:\d+\n", line)


def test_localhost_works_over_ipv6_too(server: Server):
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with socket.create_connection(("::1", server.port), timeout=30) as connection:
        connection.sendall(b"GET /prompt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_told_server_ends_cleanly_and_takes_its_worker_along(tmp_path: Path, how: str):
    server = Server(tmp_path)
    (worker,) = wait_for(lambda: children(server.process.pid))
    server.process.send_signal(getattr(signal, how))
    assert server.process.wait(PATIENCE) == 0
    wait_for(lambda: not alive(worker))
    assert not any("Traceback" in line for line in server.log), "".join(server.log)


def test_a_taken_port_is_said_in_one_line(server: Server, tmp_path: Path):
    ended = run("--port", str(server.port), "--base-directory", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"error: Cannot listen on 127.0.0.1 port {server.port}")
    assert ended.stderr.count("\n") == 1
    assert "To see the GUI" not in ended.stdout


def test_a_folder_in_use_is_said_in_one_line(server: Server):
    ended = run("--port", "0", "--base-directory", str(server.base))
    assert ended.returncode == 1
    assert "Another server uses the folder" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_bad_flags_are_said_in_one_line():
    ended = run("--no-such-flag")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1


def test_flags_without_effect_are_warned_about_once(tmp_path: Path):
    server = Server(tmp_path, "--cuda-malloc", "--auto-launch")
    server.stop()
    warnings = [line for line in server.log if "--cuda-malloc" in line]
    assert len(warnings) == 1
    assert "--auto-launch" in warnings[0]


def test_the_quick_test_starts_everything_and_ends(tmp_path: Path):
    ended = run("--quick-test-for-ci", "--port", "0", "--cpu", "--base-directory", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "user" / "catalogue.json").exists()


def test_a_worker_that_cannot_start_is_said_to_clients(tmp_path: Path):
    """A module that breaks under the worker, and only there, as a broken installation would."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('libtorch.so is missing')")
    base = tmp_path / "base"
    base.mkdir()
    server = Server(base, env={"PYTHONPATH": str(broken)})
    try:
        answer = server.get("/object_info")
        assert answer.status == 503
        assert "worker process cannot start" in answer.json["error"]["message"]
        assert server.post("/prompt", {"prompt": {}}).status == 503
        assert any("libtorch.so is missing" in line for line in server.log)
    finally:
        assert server.stop() == 0
    ended = run(
        "--quick-test-for-ci",
        "--port",
        "0",
        "--base-directory",
        str(base),
        env={"PYTHONPATH": str(broken)},
    )
    assert ended.returncode == 1
    assert "worker process cannot start" in ended.stderr
