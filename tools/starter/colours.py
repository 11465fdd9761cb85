"""The colours of latents, so that previews while sampling show what the picture will be.

A linear map from the four channels to red, green and blue, fitted to drawings: each latent cell
against the mean colour of its 8 x 8 pixels. It goes into the metadata of the checkpoint.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools.starter.latents import Spread, encode, trained_vae
from tools.starter.pictures import PLAIN, examples
from tools.starter.vae import to_tensor

SEEDS = range(3_000_000, 3_000_200)
CELL = 8


def latent_colours(work: Path, spread: Spread) -> str:
    """JSON of five rows [red, green, blue] about -1..1: one for each channel of a latent in model
    space, and the bias.
    """
    pictures = np.stack([one.picture for one in examples(SEEDS, (PLAIN,))])
    latents = spread.normalise(encode(trained_vae(work), pictures))
    seen = torch.nn.functional.avg_pool2d(to_tensor(pictures), CELL)
    fitted = torch.linalg.lstsq(_with_ones(_cells(latents)), _cells(seen)).solution
    return json.dumps([[round(float(number), 4) for number in row] for row in fitted])


def _cells(planes: Tensor) -> Tensor:
    """[B, C, h, w] as [B h w, C]."""
    return planes.movedim(1, -1).flatten(0, 2)


def _with_ones(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
