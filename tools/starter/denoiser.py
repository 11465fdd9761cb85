"""Trains the starter denoiser and its text encoder together: eps prediction on cached latents.

Run: python -m tools.starter.denoiser WORKDIR, after tools.starter.vae. Not here: the latents
(latents.py) and the LoRAs (adapters.py).
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from engine.text.tokenizer import END, START, clip_tokenizer
from tools.starter.latents import SLOTS, cached_set, spread_of, token_ids
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
TRAIN_SEEDS = range(1_000_000, 1_014_000)
WIDTH = 64


class Pair(nn.Module):
    """The two networks that are trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = build_unet()
        self.text = build_text()

    def forward(self, noisy: Tensor, steps: Tensor, ids: Tensor) -> Tensor:
        """Predicted noise [B, 4, h, w] for noisy latents, timesteps int64 [B] and token ids int64
        [B, 77].
        """
        context = self.text(input_ids=ids).last_hidden_state
        predicted: Tensor = self.unet(noisy, steps, context).sample
        return predicted


class PlainAttention:
    """Attention as three plain products. For heads of 8 channels torch's fused CPU attention is
    four times
    as slow in its backward pass."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """[B, N, C] -> [B, N, C]; the context is [B, 77, D], or the states themselves."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        batch, slots, _width = hidden_states.shape
        query, key, value = (
            layer(x).view(batch, x.shape[1], attn.heads, -1).transpose(1, 2).flatten(0, 1)
            for layer, x in (
                (attn.to_q, hidden_states),
                (attn.to_k, context),
                (attn.to_v, context),
            )
        )
        scores = torch.bmm(query * attn.scale, key.transpose(1, 2))
        # torch.softmax would be computed and kept in float32 under autocast.
        weights = torch._softmax(scores, -1, False)
        mixed = torch.bmm(weights, value).view(batch, attn.heads, slots, -1).transpose(1, 2)
        out: Tensor = attn.to_out[0](mixed.reshape(batch, slots, -1))
        return out


def build_unet() -> UNet2DConditionModel:
    """SD1's UNet with three narrow levels; `attention_head_dim` is diffusers' name for the number
    of heads.
    """
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
    )
    unet.set_attn_processor(PlainAttention())
    return unet


def build_text() -> CLIPTextModel:
    """CLIP's text encoder, one head of 64 channels, four layers."""
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_attention_heads=WIDTH // 64,
            num_hidden_layers=4,
            hidden_act="quick_gelu",
            bos_token_id=START,
            eos_token_id=END,
        )
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


def noise_loss(model: nn.Module, latent: Tensor, ids: Tensor, alphas: Tensor) -> Tensor:
    """Weighted squared error of the predicted noise, a scalar; `alphas` is `alphas_cumprod()`."""
    count = len(latent)
    # Timesteps are spread evenly over the batch: less variance than independent draws.
    steps = ((torch.arange(count) + torch.rand(count)) * (1000 / count)).long().clamp(max=999)
    noise = torch.randn_like(latent)
    alpha = alphas[steps].view(-1, 1, 1, 1)
    noisy = alpha.sqrt() * latent + (1 - alpha).sqrt() * noise
    error = (model(noisy, steps, ids).float() - noise).square().mean(dim=(1, 2, 3))
    weighted: Tensor = error * loss_weights(alphas[steps])
    return weighted.mean()


def draw_shares(ids: Tensor) -> Tensor:
    """How often each caption [N, 77] is drawn, float32 [N]: those that put one thing beside another
    are the hardest and come three times as often.
    """
    (above,), (left,) = (clip_tokenizer().encode(word) for word in ("above", "left"))
    pairs = ((ids == above) | (ids == left)).any(dim=1)
    return 1 + PAIR_EMPHASIS * pairs.float()


def train(work: Path, steps: int) -> None:
    """Train to `steps`, resuming from WORK/denoiser.pt; averaged weights are kept in it under
    "average".
    """
    torch.manual_seed(2)
    data = cached_set(work, "train", TRAIN_SEEDS)
    spread = spread_of(data["latent"])
    latents, ids = spread.normalise(data["latent"]), data["ids"]
    model = Pair()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True
    )
    average = Average(model, 0.996)
    start = 0
    if state := load_checkpoint(work / "denoiser.pt"):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.values, start = state["average"], state["step"]
    shares = draw_shares(ids)
    empty, alphas, shown = token_ids([""]), alphas_cumprod(), 0.0
    clock = time.monotonic()
    for step in range(start, steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE, 200)
        which = torch.multinomial(shares, BATCH)
        dropped = torch.rand(BATCH, 1) < CAPTION_DROPOUT
        words = torch.where(dropped, empty.expand(BATCH, SLOTS), ids[which])
        with torch.autocast("cpu", torch.bfloat16):
            loss = noise_loss(model, latents[which], words, alphas)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model, step)
        shown += loss.item() / 25
        if (step + 1) % 25 == 0:
            seconds = time.monotonic() - clock
            print(f"denoiser {step + 1} loss {shown:.4f} {seconds:.0f} s", flush=True)
            shown = 0.0
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
    arguments = parser.parse_args()
    prepare_cpu()
    train(arguments.work, arguments.steps)


if __name__ == "__main__":
    main()
