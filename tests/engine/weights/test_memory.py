"""Running out of memory: what is idle goes first, then the person is told what was needed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.lora.patcher import LoraPatcher
from engine.weights.choices import Choices
from engine.weights.configs import TextConfig, UnetConfig, VaeConfig
from engine.weights.handles import Model, Vae
from engine.weights.memory import (
    OutOfMemory,
    decode_bytes,
    encode_bytes,
    free_bytes,
    in_words,
    is_out_of_memory,
    total_bytes,
    unet_bytes,
)
from engine.weights.residency import Residency
from tests.engine.weights.tiny import (
    UNET,
    VAE,
    live_shapes,
    save,
    sd1_part,
    stored,
    tiny_checkpoint,
)
from tests.support import REPOSITORY

CPU = torch.device("cpu")

# The process may take so many bytes more than it has, once everything is loaded.
SCRIPT = """
import json, resource, sys
import torch
from engine.lora.patcher import LoraPatcher
from engine.weights.choices import Choices
from engine.weights.handles import Clip, Model, WeightsFile
from engine.weights.memory import OutOfMemory
from engine.weights.residency import Residency

unet_file, text_file, more, side = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
residency = Residency(Choices(), LoraPatcher())
unet = residency.unet(Model(WeightsFile.of(unet_file)))
time, context = torch.tensor([5.0]), torch.zeros(1, 5, 64)
unet(torch.zeros(1, 4, 8, 8), time, context)
residency.text_encoders(Clip(WeightsFile.of(text_file)))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + more
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found = {}
try:
    found["finite"] = bool(unet(torch.zeros(1, 4, side, side), time, context).isfinite().all())
except OutOfMemory as error:
    found["error"] = str(error)
print(json.dumps({**found, "dropped": residency.counters.networks_dropped}))
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A UNet, and a text encoder whose words take 100 MB while it is idle."""
    folder = tmp_path_factory.mktemp("limits")
    # Without attention at its finest level a large latent costs memory and hardly time.
    narrow = UnetConfig((32, 32, 32), (0, 0, 1), resnets=1, context_width=64)
    words = TextConfig(512, 1, 64)
    zeros = {name: torch.zeros(shape) for name, shape in live_shapes(words).items()}
    idle = save(folder / "text.safetensors", stored(sd1_part(words), zeros))
    return tiny_checkpoint(folder / "unet.safetensors", narrow).path, idle.path


def with_limit(files: tuple[str, str], more: int, side: int) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *files, str(more), str(side)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        cwd=REPOSITORY,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@linux
def test_what_is_idle_is_dropped_and_the_call_made_once_more(files: tuple[str, str]) -> None:
    assert with_limit(files, more=40 << 20, side=300) == {"finite": True, "dropped": 1}


@linux
def test_what_does_not_fit_even_so_is_said_with_what_it_needs(files: tuple[str, str]) -> None:
    found = with_limit(files, more=40 << 20, side=1200)
    assert found["dropped"] == 1
    assert found["error"].startswith("This takes about ")
    assert "Take a smaller picture or batch." in found["error"]


def test_a_picture_larger_than_all_memory_is_refused_before_it_is_tried(tmp_path: Path) -> None:
    residency = Residency(Choices(), LoraPatcher())
    unet = residency.unet(Model(tiny_checkpoint(tmp_path / "a.safetensors", UNET)))
    x = torch.zeros(1, 1, 1, 1).expand(1, 4, 1 << 16, 1 << 16)
    with pytest.raises(OutOfMemory, match=r"This takes about \d+\.\d GB of memory, and of the cpu"):
        unet(x, torch.tensor([1.0]), torch.zeros(1, 5, 64))


def test_a_latent_larger_than_all_memory_is_refused_by_the_vae(tmp_path: Path) -> None:
    vae = Residency(Choices(), LoraPatcher()).vae(
        Vae(tiny_checkpoint(tmp_path / "a.safetensors", VAE))
    )
    latent = torch.zeros(1, 1, 1, 1).expand(1, 4, 1 << 15, 1 << 15)
    with pytest.raises(OutOfMemory, match=r"65536 x 65536 pixels takes .* even in tiles"):
        vae.decode(latent)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_what_running_out_looks_like(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one


def test_there_is_as_much_memory_as_is_free_and_more() -> None:
    assert 0 < free_bytes(CPU) <= total_bytes(CPU)


def test_estimates_grow_with_the_picture_and_the_network() -> None:
    sd15 = UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0))
    assert unet_bytes(sd15, 2 * 4096) == 2 * unet_bytes(sd15, 4096)
    assert unet_bytes(sd15, 4096) > unet_bytes(replace(sd15, depths=(0, 1, 1, 0)), 4096)
    kl = VaeConfig((128, 256, 512, 512))
    # Measured: 4.7 and 2.1 kB a pixel.
    assert 4_600 <= decode_bytes(kl, 1) <= 6_000
    assert 2_100 <= encode_bytes(kl, 1) <= 3_000


def test_sizes_are_said_in_words() -> None:
    assert [in_words(n) for n in (5, 3 << 20, 3 << 29)] == ["1 MB", "3 MB", "1.5 GB"]
