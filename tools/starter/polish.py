"""Trains the decoder a while longer, with the encoder as it is, so that latents keep their meaning.

Run: python -m tools.starter.polish WORKDIR, any time after tools.starter.vae: the denoiser need not
be trained again. A little noise on the latents makes the decoder forgive what a denoiser gets
slightly wrong.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tools.starter.latents import encode, trained_vae
from tools.starter.pictures import examples
from tools.starter.training import Average, learning_rate, prepare_cpu, save_checkpoint
from tools.starter.vae import EDGE_WEIGHT, FINISHES, to_tensor

STEPS = 400
BATCH = 6
PEAK_RATE = 3e-4
LATENT_NOISE = 0.06
SEEDS = range(3_000_000, 3_001_200)


def train(work: Path, steps: int) -> None:
    """Train the decoder of WORK/vae.pt and leave all averaged weights in WORK/vae-polished.pt."""
    torch.manual_seed(4)
    vae = trained_vae(work)
    pictures = np.stack([one.picture for one in examples(SEEDS, FINISHES)])
    latents = encode(vae, pictures)
    noise = LATENT_NOISE * latents.std(dim=(0, 2, 3), keepdim=True)
    parameters = [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        parameters, lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=0, fused=True
    )
    average = Average(vae, 0.99)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE, 20)
        which = torch.randint(len(latents), (BATCH,))
        wanted = to_tensor(pictures[which.numpy()])
        latent = latents[which]
        latent = latent + noise * torch.rand(BATCH, 1, 1, 1) * torch.randn_like(latent)
        with torch.autocast("cpu", torch.bfloat16):
            loss = picture_loss(vae.decoder(vae.post_quant_conv(latent)).float() - wanted)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update(vae, step + 100)
        if step % 25 == 0:
            print(f"polish {step} loss {loss.item():.4f}", flush=True)
    save_checkpoint(work / "vae-polished.pt", model={**vae.state_dict(), **average.values})


def picture_loss(wrong: Tensor) -> Tensor:
    """Absolute error of pixels and of the steps between neighbours; `wrong` is [B, 3, H, W]."""
    edges = wrong.diff(dim=2).abs().mean() + wrong.diff(dim=3).abs().mean()
    return wrong.abs().mean() + EDGE_WEIGHT * edges


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder with vae.pt")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    prepare_cpu()
    train(arguments.work, arguments.steps)


if __name__ == "__main__":
    main()
