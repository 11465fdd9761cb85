"""Trains the starter denoiser: eps prediction on cached latents, with an encoder that can read.

Run: python -m tools.starter.denoiser WORKDIR, after tools.starter.vae and tools.starter.reading.
Not here: the text encoder (reading.py), the latents (latents.py) and the LoRAs (adapters.py).
"""

import argparse
import time
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from engine.text.tokenizer import clip_tokenizer
from tools.starter.latents import SLOTS, cached_set, spread_of, token_ids
from tools.starter.looking import looking_loss, places_of, use_plain_attention
from tools.starter.reading import WIDTH, build_text
from tools.starter.training import (
    Average,
    learning_rate,
    load_checkpoint,
    prepare_cpu,
    save_checkpoint,
)

STEPS = 5600
BATCH = 48
PEAK_RATE = 1e-3
CAPTION_DROPOUT = 0.1
SNR_CAP = 5.0
WEIGHT_CAP = 20.0
PAIR_EMPHASIS = 2.0
# At the beginning; it falls to a tenth over the first half. Later it gets in the way of
# backgrounds, which no thing's slot tells about; without any of it, things wander.
LOOKING_WEIGHT = 0.05
LEAST_LOOKING = 0.1
TRAIN_SEEDS = range(1_000_000, 1_034_000)


class Pair(nn.Module):
    """The UNet and the text encoder that tells it what to draw."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = build_unet()
        self.attention = use_plain_attention(self.unet)
        self.text = build_text()

    def read(self, ids: Tensor) -> Tensor:
        """The context [B, 77, 64] of token ids int64 [B, 77]."""
        context: Tensor = self.text(input_ids=ids).last_hidden_state
        return context

    def forward(self, noisy: Tensor, steps: Tensor, context: Tensor) -> Tensor:
        """Predicted noise [B, 4, h, w] for noisy latents and timesteps int64 [B]."""
        predicted: Tensor = self.unet(noisy, steps, context).sample
        return predicted


def build_unet() -> UNet2DConditionModel:
    """SD1's UNet with three narrow levels; `attention_head_dim` is diffusers' name for the number
    of heads.
    """
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
    )


def alphas_cumprod() -> Tensor:
    """SD1's schedule: betas scaled_linear 0.00085..0.012 over 1000 steps, float32 [1000]."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0).float()


def loss_weights(alphas: Tensor) -> Tensor:
    """Weight of each example's noise error, for its alpha-bar [B]; 1 on average over all timesteps,
    about.

    (1 + 1 / SNR) turns the error of the noise into that of v (Salimans and Ho 2022): with the plain
    noise error the noisiest steps, where the caption decides colours and layout, count for almost
    nothing and captions stay unheard. Where there is little noise, min(1, 5 / SNR) holds back
    detail (Hang et al. 2023).
    """
    snr = alphas / (1 - alphas)
    return (1 + 1 / snr).clamp(max=WEIGHT_CAP) * (SNR_CAP / snr).clamp(max=1) / 5


def noise_loss(model: nn.Module, latent: Tensor, context: Tensor, alphas: Tensor) -> Tensor:
    """Weighted squared error of the predicted noise, a scalar; `alphas` is `alphas_cumprod()`."""
    count = len(latent)
    # Timesteps are spread evenly over the batch: less variance than independent draws.
    steps = ((torch.arange(count) + torch.rand(count)) * (1000 / count)).long().clamp(max=999)
    noise = torch.randn_like(latent)
    alpha = alphas[steps].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latent + (1 - alpha).sqrt() * noise
    error = (model(noisy, steps, context).float() - noise).square().mean(dim=(1, 2, 3))
    weighted: Tensor = error * loss_weights(alphas[steps])
    return weighted.mean()


def _of(weights: Tensor, chosen: Tensor) -> Tensor:
    """Attention weights [B * heads, N, 77] of the chosen of B pictures."""
    return weights.view(len(chosen), -1, *weights.shape[1:])[chosen].flatten(0, 1)


def draw_shares(ids: Tensor) -> Tensor:
    """How often each caption [N, 77] is drawn, float32 [N]: those that put one thing beside another
    are the hardest and come three times as often.
    """
    words = [clip_tokenizer().encode(word)[0] for word in ("above", "below", "left", "right")]
    pairs = torch.isin(ids, torch.tensor(words)).any(dim=1)
    return 1 + PAIR_EMPHASIS * pairs.float()


def _reader(work: Path) -> dict[str, Tensor]:
    state = load_checkpoint(work / "text.pt")
    if state is None:
        raise FileNotFoundError(f"{work / 'text.pt'} is missing: run tools.starter.reading first.")
    weights: dict[str, Tensor] = state["model"]
    return weights


def train(work: Path, steps: int, rate: float) -> None:
    """Train to `steps`, resuming from WORK/denoiser.pt; averaged weights are kept in it under
    "average".
    """
    torch.manual_seed(2)
    data = cached_set(work, "train", TRAIN_SEEDS)
    spread = spread_of(data["latent"])
    latents, ids = spread.normalise(data["latent"]), data["ids"]
    model = Pair()
    model.text.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        model.unet.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    start, state = 0, load_checkpoint(work / "denoiser.pt")
    if state:
        model.load_state_dict(state["model"])
    model.text.load_state_dict(_reader(work))
    average = Average(model, 0.996)
    if state and "optimizer" in state:  # a state from restore.py has weights only
        optimizer.load_state_dict(state["optimizer"])
        average.values, start = state["average"], state["step"]
    shares, places = draw_shares(ids), places_of(TRAIN_SEEDS)
    empty, alphas, shown, astray = token_ids([""]), alphas_cumprod(), 0.0, 0.0
    clock = time.monotonic()
    for step in range(start, steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, rate, 200)
        which = torch.multinomial(shares, BATCH)
        dropped = torch.rand(BATCH, 1) < CAPTION_DROPOUT
        words = torch.where(dropped, empty.expand(BATCH, SLOTS), ids[which])
        with torch.autocast("cpu", torch.bfloat16):
            seen: list[Tensor] = []
            model.attention.seen = seen
            loss = noise_loss(model, latents[which], model.read(words), alphas)
            there = ~dropped.squeeze(1)
            looking = looking_loss([_of(weights, there) for weights in seen], places[which][there])
            loss = loss + LOOKING_WEIGHT * max(LEAST_LOOKING, 1 - 2 * step / steps) * looking
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model, step)
        shown += loss.item() / 25
        astray += looking.item() / 25
        if (step + 1) % 25 == 0:
            seconds = time.monotonic() - clock
            told = f"loss {shown:.4f} looking {astray:.3f} {seconds:.0f} s"
            print(f"denoiser {step + 1} {told}", flush=True)
            shown = astray = 0.0
        if (step + 1) % 250 == 0 or step + 1 == steps:
            save_checkpoint(
                work / "denoiser.pt",
                model=model.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.values,
                spread={"mean": spread.mean, "std": spread.std},
                step=step + 1,
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder with vae.pt, for checkpoints and caches")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rate", type=float, default=PEAK_RATE)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    prepare_cpu(arguments.threads)
    train(arguments.work, arguments.steps, arguments.rate)


if __name__ == "__main__":
    main()
