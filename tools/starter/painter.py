"""Paints captions through the project's own engine, many at a time: what a KSampler graph does,
without the graph.

Not here: judging (score.py) and the bars (measure.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.lora.patcher import LoraPatcher
from engine.sampling.ksample import ksample
from engine.text.encode import encode_prompt
from engine.weights.choices import Choices
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.residency import Residency

CELLS = 16
BATCH = 25


@dataclass(frozen=True)
class Settings:
    """How to sample; `loras` are (file, strength) in chain order, for the UNet and the text encoder
    alike.
    """

    steps: int = 20
    cfg: float = 5.0
    sampler: str = "euler"
    scheduler: str = "normal"
    loras: tuple[tuple[Path, float], ...] = ()


class Painter:
    """A checkpoint, ready to paint on the CPU in float32."""

    def __init__(self, checkpoint: Path) -> None:
        self._file = WeightsFile.of(checkpoint)
        self.residency = Residency(Choices(), LoraPatcher())

    def paint(
        self, captions: Sequence[str], seed: int, settings: Settings | None = None
    ) -> npt.NDArray[np.uint8]:
        """One picture for each caption, uint8 [N, 128, 128, 3].

        Captions are taken 25 at a time; the noise of each lot is seeded with `seed` plus its
        number.
        """
        settings = settings or Settings()
        lots = [captions[start : start + BATCH] for start in range(0, len(captions), BATCH)]
        painted = [self._paint(lot, seed + i, settings) for i, lot in enumerate(lots)]
        return np.concatenate(painted)

    def _paint(
        self, captions: Sequence[str], seed: int, settings: Settings
    ) -> npt.NDArray[np.uint8]:
        model, clip = Model(self._file), Clip(self._file)
        for path, strength in settings.loras:
            patch = LoraPatch(WeightsFile.of(path), strength)
            model, clip = model.patched(patch), clip.patched(patch)
        latent = ksample(
            self.residency.unet(model),
            {"samples": torch.zeros(len(captions), 4, CELLS, CELLS)},
            seed=seed,
            steps=settings.steps,
            cfg=settings.cfg,
            sampler_name=settings.sampler,
            scheduler=settings.scheduler,
            positive=[[self._encode(clip, captions), {}]],
            negative=[[self._encode(clip, [""] * len(captions)), {}]],
        )
        pictures = self.residency.vae(Vae(self._file)).decode(latent["samples"])
        return (pictures * 255 + 0.5).to(torch.uint8).numpy()

    def _encode(self, clip: Clip, captions: Sequence[str]) -> Tensor:
        encoders = self.residency.text_encoders(clip)
        return torch.cat(
            [encode_prompt(words, encoders, clip.stop_at_layer)[0] for words in captions]
        )
