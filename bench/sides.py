"""The programs that ``bench/sampling.py`` compares: one side of a comparison in a process.

    python -m bench.sides fp32|auto|diffusers CHECKPOINT

Loads everything, says what it is in a line of JSON, and then answers questions, a line each.
"""

import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

CFG = 5.0
WORDS = "a photograph of an astronaut riding a horse"


class Side(Protocol):
    """What is asked of each."""

    def about(self) -> dict[str, Any]: ...

    def step(self, size: int, steps: int) -> dict[str, float]:
        """``seconds_per_step`` of a sampling with a positive and a negative prompt, and those of
        the ``network`` alone under the same settings."""

    def decode(self, size: int) -> dict[str, float]: ...

    def encode(self) -> dict[str, float]: ...


class Ours:
    """This engine, with the choices of a worker that has these flags."""

    def __init__(self, checkpoint: Path, flags: list[str]) -> None:
        from bench.full_size import conditioning  # noqa: PLC0415 - only this side is tuned
        from engine.lora.patcher import LoraPatcher  # noqa: PLC0415
        from engine.weights.handles import Clip, Model, Vae, WeightsFile  # noqa: PLC0415
        from engine.weights.networks import preload  # noqa: PLC0415
        from engine.weights.residency import Residency  # noqa: PLC0415
        from engine.weights.tuning import tune_process  # noqa: PLC0415

        tune_process()
        preload()
        choices = _choices(flags)
        self._residency = Residency(choices, LoraPatcher())
        self._choices = choices
        self._file = WeightsFile.of(checkpoint)
        began = time.perf_counter()
        self._unet = self._residency.unet(Model(self._file))
        self._loading = time.perf_counter() - began
        self._vae = self._residency.vae(Vae(self._file))
        self._encoders = self._residency.text_encoders(Clip(self._file))
        self._memory = _resident()
        self._conditioning = conditioning
        self._conds = [conditioning(self._encoders, words) for words in (WORDS, "")]

    def about(self) -> dict[str, Any]:
        return {
            **self._choices.facts,
            "load_unet_s": round(self._loading, 3),
            "resident_gb": round(self._memory / 2**30, 3),
        }

    def step(self, size: int, steps: int) -> dict[str, float]:
        from engine.sampling.ksample import ksample  # noqa: PLC0415

        marks: list[float] = []
        ksample(
            self._unet,
            {"samples": torch.zeros(1, 4, size // 8, size // 8)},
            seed=1,
            steps=steps + 1,
            cfg=CFG,
            sampler_name="euler",
            scheduler="normal",
            positive=self._conds[0],
            negative=self._conds[1],
            on_step=lambda _: marks.append(time.perf_counter()),
        )
        x, t = torch.randn(2, 4, size // 8, size // 8), torch.tensor([500.0, 500.0])
        context = torch.cat([self._conds[1][0][0], self._conds[0][0][0]])
        return {
            "seconds_per_step": _between(marks),
            "network": _timed(lambda: self._unet(x, t, context), steps),
        }

    def decode(self, size: int) -> dict[str, float]:
        latent = torch.randn(1, 4, size // 8, size // 8) * 0.5
        return {"decode": _timed(lambda: self._vae.decode(latent), 1)}

    def encode(self) -> dict[str, float]:
        words = f"{WORDS} {time.perf_counter()}"
        return {"encode": _timed(lambda: self._conditioning(self._encoders, words), 3)}


class Diffusers:
    """diffusers' pipeline in float32, as a program that only imports it gets it. Its weights are
    random, too, and of the same shapes.
    """

    def __init__(self) -> None:
        from diffusers import (  # noqa: PLC0415
            AutoencoderKL,
            EulerDiscreteScheduler,
            StableDiffusionPipeline,
            UNet2DConditionModel,
        )
        from transformers import CLIPTextConfig, CLIPTextModel  # noqa: PLC0415

        torch.manual_seed(0)
        text = CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
        )
        widths = (128, 256, 512, 512)
        self._text = CLIPTextModel(text).eval()
        self._vae = AutoencoderKL(
            block_out_channels=widths,
            layers_per_block=2,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        ).eval()
        self._unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8).eval()
        scheduler = EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
        )
        self._pipe = StableDiffusionPipeline(
            vae=self._vae,
            text_encoder=self._text,
            tokenizer=None,
            unet=self._unet,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            image_encoder=None,
            requires_safety_checker=False,
        )
        self._pipe.set_progress_bar_config(disable=True)

    def about(self) -> dict[str, Any]:
        return {"unet": "fp32", "resident_gb": round(_resident() / 2**30, 3)}

    def step(self, size: int, steps: int) -> dict[str, float]:
        marks: list[float] = []

        def on_end(_pipe: Any, _step: int, _time: Any, given: dict[str, Any]) -> dict[str, Any]:
            marks.append(time.perf_counter())
            return given

        self._pipe(
            prompt_embeds=torch.randn(1, 77, 768),
            negative_prompt_embeds=torch.randn(1, 77, 768),
            num_inference_steps=steps + 1,
            guidance_scale=CFG,
            height=size,
            width=size,
            output_type="latent",
            callback_on_step_end=on_end,
        )
        x, context = torch.randn(2, 4, size // 8, size // 8), torch.randn(2, 77, 768)
        with torch.no_grad():
            network = _timed(lambda: self._unet(x, 500, context), steps)
        return {"seconds_per_step": _between(marks), "network": network}

    def decode(self, size: int) -> dict[str, float]:
        latent = torch.randn(1, 4, size // 8, size // 8) * 0.5
        with torch.no_grad():
            return {"decode": _timed(lambda: self._vae.decode(latent), 1)}

    def encode(self) -> dict[str, float]:
        tokens = torch.randint(0, 49000, (1, 77))
        with torch.no_grad():
            return {"encode": _timed(lambda: self._text(tokens), 3)}


def _choices(flags: list[str]) -> Any:
    """What a worker with these flags decides."""
    import argparse  # noqa: PLC0415

    from engine.weights.choices import Choices  # noqa: PLC0415
    from engine.weights.wishes import add_weights_flags, wishes  # noqa: PLC0415

    parser = argparse.ArgumentParser()
    add_weights_flags(parser)
    return Choices(torch.device("cpu"), wishes(parser.parse_args(flags)))


def _between(marks: list[float]) -> float:
    """Median seconds between two marks."""
    return statistics.median(b - a for a, b in itertools.pairwise(marks))


def _timed(call: Callable[[], Tensor | Any], times: int) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    name, checkpoint = sys.argv[1], Path(sys.argv[2])
    side: Side
    if name == "diffusers":
        side = Diffusers()
    else:
        side = Ours(checkpoint, ["--force-fp32"] if name == "fp32" else [])
    print(json.dumps(side.about()), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(getattr(side, question.pop("do"))(**question)), flush=True)


if __name__ == "__main__":
    main()
