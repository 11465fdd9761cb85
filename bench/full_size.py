"""A full-size SD1.5 file through the engine: memory, seconds per step, cost of a changed LoRA.

    python -m bench.full_size [--size 256] [--steps 3] [--loras 3] [--folder FOLDER]

Files of random weights are made in FOLDER (a temporary one by default; 2.1 GB) unless they are
there. The measured process is one of its own, so that its peak memory is that of the run alone.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.lora.patcher import LoraPatcher
from engine.sampling.ksample import ksample
from engine.text.encode import encode_prompt
from engine.weights.calls import TextEncoder
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choices
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.networks import preload
from engine.weights.residency import Residency
from engine.weights.tuning import tune_process

REPOSITORY = Path(__file__).resolve().parent.parent


def measure(checkpoint: Path, loras: list[Path], size: int, steps: int) -> dict[str, Any]:
    """One run in this process: load, encode, sample, decode; then LoRA changes."""
    tuning = tune_process()
    found: dict[str, Any] = {"tuning": tuning.matmul_precision, "keeps": tuning.keeps_memory}
    watch = Stopwatch(found)
    preload()
    watch("import")
    file = WeightsFile.of(checkpoint)
    parts = inspect_checkpoint(file)
    watch("inspect")
    residency = Residency(Choices(), LoraPatcher())
    encoders = residency.text_encoders(Clip(file))
    watch("load_text")
    conds = [conditioning(encoders, text) for text in ("a star", "")]
    watch("encode_2_prompts")
    residency.unet(Model(file))
    watch("load_unet")
    latent, found["seconds_per_step"] = sampled(residency, file, conds, size, steps)
    watch("sample")
    vae = residency.vae(Vae(file))
    watch("load_vae")
    image = vae.decode(latent)
    watch("decode")
    assert image.shape == (1, size, size, 3)
    assert image.isfinite().all()
    needed = sum(p.parameters * 4 for p in (parts.unet, *parts.texts, parts.vae) if p is not None)
    peak = peak_bytes()
    found |= {"float32_bytes": needed, "peak_bytes": peak, "peak_ratio": round(peak / needed, 3)}
    patches = [LoraPatch(WeightsFile.of(path), 0.5) for path in loras]
    found["lora_changes"] = [
        lora_change(residency, Model(file), tuple(patches[:n])) for n in range(1, len(patches) + 1)
    ]
    found["peak_ratio_with_loras"] = round(peak_bytes() / needed, 3)
    return found


def conditioning(encoders: tuple[TextEncoder, ...], text: str) -> list[Any]:
    """A CONDITIONING value of one prompt."""
    cond, pooled = encode_prompt(text, encoders)
    return [[cond, {"pooled_output": pooled}]]


def sampled(
    residency: Residency, file: WeightsFile, conds: list[Any], size: int, steps: int
) -> tuple[Tensor, float]:
    """A latent, and the seconds per step of all steps but the first."""
    marks: list[float] = []
    found = ksample(
        residency.unet(Model(file)),
        {"samples": torch.zeros(1, 4, size // 8, size // 8)},
        seed=1,
        steps=steps + 1,
        cfg=5.0,
        sampler_name="euler",
        scheduler="normal",
        positive=conds[0],
        negative=conds[1],
        device="cpu",
        on_step=lambda _: marks.append(time.perf_counter()),
    )
    return found["samples"], round((marks[-1] - marks[0]) / steps, 3)


def lora_change(
    residency: Residency, model: Model, chain: tuple[LoraPatch, ...]
) -> dict[str, float]:
    """Seconds to apply a chain, to change its last strength, and to take it off."""
    watch = Stopwatch(found := {"chain": float(len(chain))})
    residency.unet(replace(model, patches=chain))
    watch("apply")
    residency.unet(replace(model, patches=(*chain[:-1], replace(chain[-1], strength=0.7))))
    watch("change_one")
    residency.unet(model)
    watch("remove_all")
    return found


class Stopwatch:
    """Writes the seconds since its last call under a name."""

    def __init__(self, into: dict[str, Any]) -> None:
        self._into = into
        self._last = time.perf_counter()

    def __call__(self, name: str) -> None:
        now = time.perf_counter()
        self._into[f"seconds_{name}"] = round(now - self._last, 4)
        self._last = now


def peak_bytes() -> int:
    """The largest resident size this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def prepared(folder: Path, loras: int) -> tuple[Path, list[Path]]:
    """The files to measure with, made by ``tools.full_size`` if they are missing."""
    checkpoint = folder / "full-size.safetensors"
    files = [folder / f"full-size-lora-{n}.safetensors" for n in range(loras)]
    make = [sys.executable, "-m", "tools.full_size"]
    if not checkpoint.exists():
        subprocess.run([*make, str(checkpoint)], check=True, cwd=REPOSITORY)
    for seed, file in enumerate(files):
        if not file.exists():
            command = [*make, "--lora", str(file), "--seed", str(seed)]
            subprocess.run(command, check=True, cwd=REPOSITORY)
    return checkpoint, files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--loras", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", type=Path, nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        checkpoint, *loras = given.measure
        print(json.dumps(measure(checkpoint, loras, given.size, given.steps), indent=2))
        return
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, loras = prepared(given.folder or Path(temporary), given.loras)
        sizes = ["--size", str(given.size), "--steps", str(given.steps)]
        command = [sys.executable, "-m", "bench.full_size", *sizes, "--measure"]
        subprocess.run([*command, checkpoint, *loras], check=True, cwd=REPOSITORY)


if __name__ == "__main__":
    main()
