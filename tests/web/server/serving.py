"""Real servers for tests: a process on a free port, with toy nodes and folders of its own."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import REPOSITORY

# Generous: the machines of tests are busy, and a test that passes never waits this long.
PATIENCE = 300.0
_WIDGETS = {"ToySlow": {"steps": 3, "seconds": 0.0}, "ToyDeaf": {"seconds": 60.0}}
_TOYS = Path(__file__).with_name("toys.py")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running ``main.py``. ``base`` is its base directory and outlives it."""

    def __init__(self, base: Path, *flags: str, env: Mapping[str, str] | None = None) -> None:
        self.base = base
        packs = base / "custom_nodes"
        packs.mkdir(parents=True, exist_ok=True)
        shutil.copy2(_TOYS, packs / "toys.py")
        command = [sys.executable, str(REPOSITORY / "main.py"), "--base-directory", str(base)]
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--cpu", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=base,
            env={**os.environ, **(env or {})},
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._wait_for_url()

    @property
    def address(self) -> str:
        """``http://127.0.0.1:port`` without any path or token."""
        return self.url.partition("/?")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        data = body if isinstance(body, bytes) else b"" if body is None else _json(body)
        return self.ask("POST", path, data, headers)

    def ask(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        request = urllib.request.Request(
            self.address + path, data=data, headers=dict(headers or {}), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def submit(self, prompt: Mapping[str, Any], **more: Any) -> str:
        """Queue a prompt that must be accepted; its id."""
        answer = self.post("/prompt", {"prompt": prompt, **more})
        assert answer.status == 200, answer.body
        return str(answer.json["prompt_id"])

    def finished(self, prompt_id: str) -> Any:
        """The history entry of a prompt, waited for."""
        return wait_for(lambda: self.get(f"/history/{prompt_id}").json.get(prompt_id))

    def running(self) -> list[str]:
        return [item[1] for item in self.get("/queue").json["queue_running"]]

    def pending(self) -> list[str]:
        return [item[1] for item in self.get("/queue").json["queue_pending"]]

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """End the server as Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def _wait_for_url(self) -> str:
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            if "To see the GUI go to: " in line:
                return line.rpartition("To see the GUI go to: ")[2].strip()
        raise AssertionError("the server did not start:\n" + "".join(self.log))


def wait_for(condition: Any, patience: float = PATIENCE) -> Any:
    """The first truthy value of ``condition()``."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def chain(*classes: str, value: int = 1, **inputs: Any) -> dict[str, Any]:
    """A prompt: a number through nodes of ``classes`` (which get ``inputs``) into ToyShow."""
    prompt: dict[str, Any] = {"1": {"class_type": "ToyNumber", "inputs": {"value": value}}}
    for class_type in classes:
        source = [str(len(prompt)), 0]
        widgets = {**_WIDGETS.get(class_type, {}), **inputs}
        node = {"class_type": class_type, "inputs": {"value": source, **widgets}}
        prompt[str(len(prompt) + 1)] = node
    shown = {"class_type": "ToyShow", "inputs": {"value": [str(len(prompt)), 0]}}
    return {**prompt, str(len(prompt) + 1): shown}


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started and that still live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
