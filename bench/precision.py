"""How far bfloat16 networks are from float32 ones: one forward, a whole run, the picture.

    python -m bench.precision [CHECKPOINT] [--size 128] [--steps 20]

Without a checkpoint the starter model is measured. Both runs have the same seed, prompt and
schedule. Prints JSON: relative distances |a - b| / |b| of the network's output and of the latent
after the run, and of the pictures the largest difference in 8-bit levels, the mean one, and PSNR.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.full_size import conditioning
from engine.lora.patcher import LoraPatcher
from engine.sampling.ksample import ksample
from engine.weights.choices import Choices
from engine.weights.handles import Clip, Model, Vae, WeightsFile
from engine.weights.residency import Residency
from engine.weights.tuning import tune_process
from engine.weights.wishes import Wishes
from tools.starter.export import CHECKPOINT

WORDS = "a large red star above a small blue ring on a yellow background"
EXACT = Wishes(force="fp32")
HALF = Wishes(unet="bf16", vae="bf16")


def drawn(file: WeightsFile, wishes: Wishes, size: int, steps: int) -> dict[str, Tensor]:
    """The network's output for a fixed input, the latent of a run, and its picture in 0..255."""
    residency = Residency(Choices(wishes=wishes), LoraPatcher())
    unet = residency.unet(Model(file))
    positive, negative = (conditioning(residency.text_encoders(Clip(file)), w) for w in (WORDS, ""))
    x = torch.randn(1, 4, size // 8, size // 8, generator=torch.Generator().manual_seed(7))
    output = unet(x, torch.tensor([500.0]), positive[0][0])
    latent = ksample(
        unet,
        {"samples": torch.zeros_like(x)},
        seed=1,
        steps=steps,
        cfg=5.0,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
    )["samples"]
    return {"forward": output, "run": latent, "picture": residency.vae(Vae(file)).decode(latent)}


def compared(half: dict[str, Tensor], exact: dict[str, Tensor]) -> dict[str, Any]:
    levels = (half["picture"] - exact["picture"]).abs() * 255
    square = float((levels**2).mean())
    return {
        **{
            f"{name}_relative": float(f"{distance(half[name], exact[name]):.2g}")
            for name in ("forward", "run")
        },
        "picture_levels_max": round(float(levels.max()), 2),
        "picture_levels_mean": round(float(levels.mean()), 3),
        "picture_psnr_db": round(20 * math.log10(255) - 10 * math.log10(max(square, 1e-12)), 1),
    }


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", default=CHECKPOINT)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    tune_process()
    file = WeightsFile.of(given.checkpoint)
    half, exact = (drawn(file, wishes, given.size, given.steps) for wishes in (HALF, EXACT))
    print(json.dumps({"file": given.checkpoint.name, **compared(half, exact)}, indent=2))


if __name__ == "__main__":
    main()
