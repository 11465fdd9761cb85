"""Trains the starter picture coder: AutoencoderKL in the SD1 shape, 128 px -> 4 x 16 x 16 latents.

Run: python -m tools.starter.vae WORKDIR. Not here: the denoiser, and folding the latent scale
(export.py).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from tools.starter.drawing import SIDE, Finish
from tools.starter.pictures import Pictures, examples
from tools.starter.training import (
    Average,
    learning_rate,
    load_checkpoint,
    prepare_cpu,
    save_checkpoint,
)

STEPS = 2900
# Until this share of the steps: crops of this side, this many at a time. Flat drawings teach as
# much per small crop as per whole picture; the whole picture at the end settles the statistics of
# GroupNorm.
STAGES = ((0.6, 32, 24), (0.9, 64, 12), (1.0, 128, 4))
PEAK_RATE = 4e-4
KL_WEIGHT = 3e-4
EDGE_WEIGHT = 0.5
PICTURES = 6000
FINISHES = (
    *(Finish(),) * 5,
    Finish(outline=True),
    Finish(exposure=-0.5),
    Finish(exposure=0.5),
    Finish(detail=1),
    Finish(detail=-1),
)


def build() -> AutoencoderKL:
    """The network, untrained.

    GroupNorm has 32 groups, and a group of one or two channels normalises a flat colour away. So
    the ends of the coder have 96 channels: in a group of three its strength survives as a ratio.
    """
    vae = AutoencoderKL(
        block_out_channels=(96, 64, 64, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=32,
        sample_size=SIDE,
    )
    _start_nearly_linear(vae)
    return vae


@torch.no_grad()
def _start_nearly_linear(vae: AutoencoderKL) -> None:
    """Begin as a plain chain of variance-keeping convolutions, with whispering residual branches.

    With torch's own start the colour of a flat area fades by a third at every convolution and
    drowns in the branches; the drawings then stay grey for hundreds of steps.
    """
    for name, layer in vae.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            layer.weight.mul_(0.1)
        elif isinstance(layer, nn.Conv2d) and not name.endswith("conv1"):
            layer.weight.mul_(3**0.5)
    # Two of each normalisation group start as anchors, beside which the strength of the third
    # survives.
    for resnet in (vae.encoder.mid_block.resnets[-1], vae.decoder.up_blocks[-1].resnets[-1]):
        resnet.conv2.bias.copy_(torch.tensor([0.0, 1.0, -1.0]).repeat(32))
    # Almost no latent noise at first (log variance -5): it would hide the colours.
    vae.quant_conv.weight[4:].mul_(0.1)
    vae.quant_conv.bias.copy_(torch.tensor([0.0] * 4 + [-5.0] * 4))


def to_tensor(pictures: Pictures) -> Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W] in -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def crops(pictures: Pictures, rng: np.random.Generator, side: int, count: int) -> Tensor:
    """Random square crops, the livelier one of three each time, float32 [count, 3, side, side] in
    -1..1.
    """
    return to_tensor(np.stack([_crop(pictures, rng, side) for _ in range(count)]))


def _crop(pictures: Pictures, rng: np.random.Generator, side: int) -> Pictures:
    picture = pictures[rng.integers(len(pictures))]
    corners = rng.integers(SIDE - side + 1, size=(3, 2))
    cuts = [picture[y : y + side, x : x + side] for y, x in corners]
    # Most of a drawing is flat background, which is learned long before outlines are.
    return max(cuts, key=lambda cut: float(cut[::4, ::4].std(axis=(0, 1)).sum()))


def loss_of(vae: AutoencoderKL, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The training loss and its absolute picture error, both scalars."""
    mean, log_variance = vae.quant_conv(vae.encoder(pictures)).float().chunk(2, dim=1)
    log_variance = log_variance.clamp(-30, 20)
    latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    again = vae.decoder(vae.post_quant_conv(latent)).float()
    wrong = again - pictures
    error = wrong.abs().mean()
    edges = wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return error + 0.3 * wrong.square().mean() + EDGE_WEIGHT * edges + KL_WEIGHT * kl, error


def train(work: Path, steps: int) -> None:
    """Train to `steps`, resuming from WORK/vae.pt, and leave the averaged weights in it under
    "average".
    """
    torch.manual_seed(1)
    vae = build()
    optimizer = torch.optim.AdamW(
        vae.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=0, fused=True
    )
    average = Average(vae, 0.995)
    start = 0
    if state := load_checkpoint(work / "vae.pt"):
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.values, start = state["average"], state["step"]
    pictures = np.stack([e.picture for e in examples(range(PICTURES), FINISHES)])
    for step in range(start, steps):
        rng = np.random.default_rng((1, step))
        side, count = next(stage[1:] for stage in STAGES if step < stage[0] * steps)
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE, 40)
        with torch.autocast("cpu", torch.bfloat16):
            loss, error = loss_of(vae, crops(pictures, rng, side, count))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update(vae, step)
        if step % 25 == 0:
            print(f"vae {step} loss {loss.item():.4f} error {error.item():.4f}", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == steps:
            save_checkpoint(
                work / "vae.pt",
                model=vae.state_dict(),
                optimizer=optimizer.state_dict(),
                average=average.values,
                step=step + 1,
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for checkpoints")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    prepare_cpu()
    train(arguments.work, arguments.steps)


if __name__ == "__main__":
    main()
