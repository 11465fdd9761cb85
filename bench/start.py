"""How soon the server is there: listening, and answering /object_info on a first and second start.

    python -m bench.start [--runs 5]

Prints seconds (medians of interleaved runs) and the ratio to a bare ``import torch`` in a process
of its own, which is what answering has to beat to be possible before torch is there.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, route: str, patience: float = 120) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{route}", timeout=patience) as answer:
        return json.loads(answer.read())


def one_start(base: Path) -> dict[str, float]:
    """Seconds from the start of the process to each of its milestones."""
    port = free_port()
    begin = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "main.py", "--port", str(port), "--base-directory", str(base)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "To see the GUI go to" in line, line
        listening = time.perf_counter() - begin
        assert get(port, "/object_info")
        object_info = time.perf_counter() - begin
        while not get(port, "/system_stats")["devices"]:
            time.sleep(0.02)
        worker = time.perf_counter() - begin
    finally:
        server.terminate()
        server.wait(30)
    return {"listening_s": listening, "object_info_s": object_info, "worker_ready_s": worker}


def import_torch() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - begin


def measure(runs: int) -> dict[str, Any]:
    first, second, torch = [], [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as base:
            first.append(one_start(Path(base)))
            second.append(one_start(Path(base)))
        torch.append(import_torch())

    def medians(found: list[dict[str, float]]) -> dict[str, float]:
        return {k: round(statistics.median(run[k] for run in found), 3) for k in found[0]}

    bare = statistics.median(torch)
    result = {"first_start": medians(first), "second_start": medians(second)}
    return {
        "runs": runs,
        "load_before": round(os.getloadavg()[0], 2),
        "import_torch_s": round(bare, 3),
        **result,
        "second_object_info_over_import_torch": round(
            result["second_start"]["object_info_s"] / bare, 3
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    print(json.dumps(measure(parser.parse_args().runs), indent=2))


if __name__ == "__main__":
    main()
