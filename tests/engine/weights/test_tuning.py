"""Process settings: what they say they did, in a process of their own."""

import json
import subprocess
import sys

import pytest

from tests.support import REPOSITORY

SCRIPT = """
import json, resource, threading
from engine.weights.tuning import trim_memory, tune_process
tuning = tune_process()
import torch

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(80 << 20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

counts = []
def work():
    faults()
    counts.append(faults())
work()
thread = threading.Thread(target=work)
thread.start()
thread.join()
a, b = torch.randn(200, 300), torch.randn(300, 100)
exact = a.double() @ b.double()
error = float(((a @ b).double() - exact).norm() / exact.norm())
trim_memory()
print(json.dumps({"keeps": tuning.keeps_memory, "faults": counts, "error": error}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_large_blocks_are_reused_in_every_thread_and_products_stay_exact() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=REPOSITORY,
    )
    found = json.loads(ran.stdout)
    assert found["error"] < 1e-5
    if found["keeps"]:  # with another C library there is nothing to keep
        # 20 blocks of 80 MB are 400,000 pages when each of them is mapped anew.
        assert max(found["faults"]) < 4_000
