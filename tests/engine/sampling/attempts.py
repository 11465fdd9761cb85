"""Runs of the toy that keep their states, for the tests of going on from one."""

from collections.abc import Callable
from typing import Any

import torch

from engine.sampling.ksample import Resume, ksample
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, toy_model

STEPS = 6
Sample = Callable[[Resume], torch.Tensor]


class Attempts:
    """What runs kept and noted."""

    def __init__(self) -> None:
        self.states: list[bytes] = []
        self.notes: list[str] = []

    def resume(self, kept: bytes | None = None) -> Resume:
        return Resume(kept, lambda make: self.states.append(make()), self.notes.append)


def toy_options(**options: Any) -> dict[str, Any]:
    return {
        "seed": 3,
        "steps": STEPS,
        "cfg": 5.0,
        "sampler_name": "euler_ancestral",
        "scheduler": "karras",
        "positive": POSITIVE,
        "negative": NEGATIVE,
        **options,
    }


def toy_sample(
    resume: Resume, kind: str = "sd1", latent: Any = None, **options: Any
) -> torch.Tensor:
    start = latent or {"samples": torch.zeros(1, 4, 5, 7)}
    out = ksample(toy_model(kind), start, **toy_options(**options), resume=resume)
    samples: torch.Tensor = out["samples"]
    return samples
