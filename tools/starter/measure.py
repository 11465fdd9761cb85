"""Measures the bars of the starter models through the project's own engine and prints them as JSON.

Run: python -m tools.starter.measure. All prompts come from held-out scenes of one and two things;
seeds are fixed. The exit status is 1 when a bar is missed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.starter.export import CHECKPOINT, LORAS
from tools.starter.judge import read
from tools.starter.painter import Painter, Settings
from tools.starter.pictures import Example, example
from tools.starter.scenes import Scene
from tools.starter.score import Score, score
from tools.starter.training import prepare_cpu

PROMPTS = 200
FIRST_SEED = 9_000_000
SLIDER = (-1.0, -0.5, 0.0, 0.5, 1.0)
BARS = {"colour": 0.95, "background": 0.95, "shape": 0.85}
SECONDS_BAR = 5.0

Pictures = npt.NDArray[np.uint8]


def held_out_examples(count: int) -> list[Example]:
    """Real drawings of held-out scenes with one or two things, and their captions."""
    found: list[Example] = []
    seed = FIRST_SEED
    while len(found) < count:
        candidate = example(seed, test=True)
        if len(candidate.scene.things) <= 2:
            found.append(candidate)
        seed += 1
    return found


def rates(scores: Sequence[Score]) -> dict[str, float]:
    """Shares of right answers: colour and shape per thing, background and count per picture."""
    things = sum(one.things for one in scores)
    return {
        "colour": round(sum(one.colours for one in scores) / things, 4),
        "shape": round(sum(one.shapes for one in scores) / things, 4),
        "background": round(sum(one.background for one in scores) / len(scores), 4),
        "count": round(sum(one.count for one in scores) / len(scores), 4),
    }


def luminance(pictures: Pictures) -> float:
    """Mean luma of the pictures, 0..1 (Rec. 709 weights on the display values)."""
    return float((pictures / 255 @ np.array((0.2126, 0.7152, 0.0722))).mean())


def texture(pictures: Pictures) -> float:
    """Mean absolute difference of neighbouring pixels, 0..1: how busy the pictures are."""
    grey = pictures.mean(axis=-1) / 255
    return float(np.abs(np.diff(grey, axis=1)).mean() + np.abs(np.diff(grey, axis=2)).mean())


def ink(pictures: Pictures) -> float:
    """Mean share of a picture's pixels that belong to things, 0..1."""
    areas = [sum(patch.area for patch in read(picture).patches) for picture in pictures]
    height, width = pictures.shape[1:3]
    return float(np.mean(areas) / (height * width))


def kind(scene: Scene) -> str:
    """Which row of the report a scene belongs to."""
    if len(scene.things) == 1:
        return "one thing"
    return "two alike" if scene.relation == "row" else "one beside another"


def measure_base(painter: Painter, prompts: list[Example]) -> dict[str, Any]:
    """The judge on the real drawings and on what the model paints from their captions."""
    painted = painter.paint([one.caption for one in prompts], seed=1)
    scores = [score(one.scene, picture) for one, picture in zip(prompts, painted, strict=True)]
    kinds: dict[str, list[Score]] = {}
    for one, result in zip(prompts, scores, strict=True):
        kinds.setdefault(kind(one.scene), []).append(result)
    return {
        "prompts": len(prompts),
        "judge_on_real_drawings": rates([score(one.scene, one.picture) for one in prompts]),
        "model": rates(scores),
        "by_kind": {
            name: {"prompts": len(results), **rates(results)} for name, results in kinds.items()
        },
    }


def measure_loras(painter: Painter, prompts: list[Example]) -> dict[str, Any]:
    """What each LoRA does over its strengths, with the same prompts and seeds."""
    captions = [one.caption for one in prompts]

    def over(
        name: str, strengths: Sequence[float], gauge: Callable[[Pictures], float]
    ) -> dict[str, float]:
        path = LORAS / f"starter-{name}.safetensors"
        return {
            f"{strength:+g}": round(
                gauge(painter.paint(captions, 7, Settings(loras=((path, strength),)))), 4
            )
            for strength in strengths
        }

    return {
        "dark_luminance": over("dark", SLIDER, luminance),
        "detail_texture": over("detail", SLIDER, texture),
        "outline_ink": over("outline", (0.0, 0.5, 1.0), ink),
    }


def measure_time(painter: Painter, captions: Sequence[str]) -> float:
    """Median seconds of one picture of its own (encode, 20 steps at CFG 5, decode), the first not
    counted.
    """
    seconds = []
    for seed, words in enumerate(captions[:6]):
        clock = time.perf_counter()
        painter.paint([words], seed)
        seconds.append(time.perf_counter() - clock)
    return round(float(np.median(seconds[1:])), 3)


def failures(report: dict[str, Any]) -> list[str]:
    """The names of the bars that are missed."""
    missed: list[str] = [name for name, bar in BARS.items() if report["base"]["model"][name] < bar]
    if "loras" in report:
        dark = list(report["loras"]["dark_luminance"].values())
        detail = list(report["loras"]["detail_texture"].values())
        missed += ["dark slider"] if dark != sorted(set(dark), reverse=True) else []
        missed += ["detail slider"] if not detail[0] < detail[2] < detail[-1] else []
    missed += ["seconds"] if report["seconds_a_picture"] > SECONDS_BAR else []
    return missed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--lora-prompts", type=int, default=25, help="0 leaves the LoRAs out")
    arguments = parser.parse_args()
    prepare_cpu()
    painter = Painter(arguments.checkpoint)
    prompts = held_out_examples(arguments.prompts)
    report: dict[str, Any] = {"base": measure_base(painter, prompts)}
    if arguments.lora_prompts:
        report["loras"] = measure_loras(painter, prompts[: arguments.lora_prompts])
    report["seconds_a_picture"] = measure_time(painter, [one.caption for one in prompts])
    report["missed"] = failures(report)
    json.dump(report, sys.stdout, indent=2)
    print()
    sys.exit(1 if report["missed"] else 0)


if __name__ == "__main__":
    main()
