"""The cached training set of the denoiser: latents with unit spread, and the token ids of their
captions.

Not here: drawing (pictures.py), training (denoiser.py, adapters.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from engine.text.tokenizer import END, START, clip_tokenizer
from tools.starter.drawing import Finish
from tools.starter.pictures import PLAIN, examples
from tools.starter.training import load_checkpoint
from tools.starter.vae import build as build_vae
from tools.starter.vae import to_tensor

SLOTS = 77


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of each raw latent channel, float32 [4]."""

    mean: Tensor
    std: Tensor

    def normalise(self, latent: Tensor) -> Tensor:
        """Raw latents [B, 4, h, w] to zero mean and unit standard deviation."""
        return (latent - self.mean.view(1, -1, 1, 1)) / self.std.view(1, -1, 1, 1)

    def restore(self, latent: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return latent * self.std.view(1, -1, 1, 1) + self.mean.view(1, -1, 1, 1)


def token_ids(captions: Sequence[str]) -> Tensor:
    """int64 [B, 77]: start, the tokens, end, padded with end as SD1 does."""
    tokenizer = clip_tokenizer()
    rows = [[START, *tokenizer.encode(words)][: SLOTS - 1] for words in captions]
    return torch.tensor([row + [END] * (SLOTS - len(row)) for row in rows])


def trained_vae(work: Path, *, polished: bool = False) -> AutoencoderKL:
    """The averaged weights of WORK/vae.pt, or of WORK/vae-polished.pt, whose encoder is the same.

    Raises FileNotFoundError when that file is missing.
    """
    path = work / ("vae-polished.pt" if polished else "vae.pt")
    state = load_checkpoint(path)
    if state is None:
        maker = "polish" if polished else "vae"
        raise FileNotFoundError(f"{path} is missing: run tools.starter.{maker} first.")
    vae = build_vae()
    vae.load_state_dict({**state["model"], **state.get("average", {})})
    return vae.eval().requires_grad_(False)


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: np.ndarray, batch: int = 16) -> Tensor:
    """Raw latents (the mean), float32 [B, 4, 16, 16], of uint8 pictures [B, 128, 128, 3]."""
    parts = []
    with torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pictures), batch):
            hidden = vae.encoder(to_tensor(pictures[start : start + batch]))
            parts.append(vae.quant_conv(hidden)[:, :4].float())
    return torch.cat(parts)


def cached_set(
    work: Path, name: str, seeds: range, finish: Finish = PLAIN, trigger: str = ""
) -> dict[str, Tensor]:
    """`latent` (raw, float32 [N, 4, 16, 16]) and `ids` (int64 [N, 77]), made once and kept in WORK.

    Every second caption begins with the trigger, if there is one.
    """
    path = work / f"{name}.pt"
    if not path.exists():
        vae = trained_vae(work)
        drawn = examples(seeds, (finish,))
        latent = encode(vae, np.stack([one.picture for one in drawn]))
        captions = [one.caption for one in drawn]
        captions[::2] = [f"{trigger} {words}".strip() for words in captions[::2]]
        torch.save({"latent": latent, "ids": token_ids(captions)}, path)
    found: dict[str, Tensor] = torch.load(path, weights_only=True)
    return found


def spread_of(latent: Tensor) -> Spread:
    """The spread of a set of raw latents [N, 4, h, w]."""
    return Spread(latent.mean(dim=(0, 2, 3)), latent.std(dim=(0, 2, 3)))
