"""Trains the three starter LoRAs: outline, dark and detail.

Run: python -m tools.starter.adapters WORKDIR [NAME ...], after tools.starter.denoiser. Each LoRA
sees its own pictures under ordinary captions; a slider sees one kind of picture at strength 1 and
the opposite at -1.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tools.starter.denoiser import CAPTION_DROPOUT, Pair, alphas_cumprod, noise_loss
from tools.starter.drawing import Finish
from tools.starter.latents import SLOTS, Spread, cached_set, token_ids
from tools.starter.lora import LoraSet
from tools.starter.training import learning_rate, load_checkpoint, prepare_cpu, save_checkpoint

BATCH = 32
PEAK_RATE = 2e-3
SEEDS = range(2_000_000, 2_000_800)


@dataclass(frozen=True)
class Recipe:
    """What one LoRA is taught.

    `lessons` pairs a strength with the finish that pictures have at that strength. `text` trains
    the text encoder too. `trigger` is put before half of the captions.
    """

    name: str
    lessons: tuple[tuple[float, Finish], ...]
    steps: int
    rank: int = 4
    text: bool = False
    trigger: str = ""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "outline", ((1.0, Finish(outline=True)),), 220, text=True, trigger="outline drawing of"
        ),
        Recipe("dark", ((1.0, Finish(exposure=-0.55)), (-1.0, Finish(exposure=0.55))), 130),
        Recipe("detail", ((1.0, Finish(detail=1)), (-1.0, Finish(detail=-1))), 220),
    )
}


def trained_pair(work: Path) -> tuple[Pair, Spread]:
    """The averaged weights of WORK/denoiser.pt; FileNotFoundError when it was not trained."""
    state = load_checkpoint(work / "denoiser.pt")
    if state is None:
        raise FileNotFoundError(
            f"{work / 'denoiser.pt'} is missing: run tools.starter.denoiser first."
        )
    pair = Pair()
    pair.load_state_dict({**state["model"], **state["average"]})
    return pair.eval().requires_grad_(False), Spread(**state["spread"])


def lessons_of(work: Path, recipe: Recipe, spread: Spread) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised latents [N, 4, h, w], token ids [N, 77] and strengths [N] of all lessons of a
    recipe.
    """
    latents, ids, strengths = [], [], []
    for strength, finish in recipe.lessons:
        data = cached_set(work, f"{recipe.name}{strength:+g}", SEEDS, finish, recipe.trigger)
        latents.append(spread.normalise(data["latent"]))
        ids.append(data["ids"])
        strengths.append(torch.full((len(data["ids"]),), strength))
    return torch.cat(latents), torch.cat(ids), torch.cat(strengths)


def train(work: Path, recipe: Recipe) -> None:
    """Train one LoRA and leave its tensors, named as in a kohya file, in WORK/lora-NAME.pt."""
    torch.manual_seed(3)
    pair, spread = trained_pair(work)
    latents, ids, strengths = lessons_of(work, recipe, spread)
    lora = LoraSet(pair, recipe.rank, text=recipe.text)
    optimizer = torch.optim.AdamW(lora.parameters(), lr=PEAK_RATE, weight_decay=0, fused=True)
    empty, alphas, shown = token_ids([""]), alphas_cumprod(), 0.0
    clock = time.monotonic()
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, recipe.steps, PEAK_RATE, 20)
        which = torch.randint(len(latents), (BATCH,))
        dropped = torch.rand(BATCH, 1) < CAPTION_DROPOUT
        words = torch.where(dropped, empty.expand(BATCH, SLOTS), ids[which])
        lora.strength = strengths[which]
        with torch.autocast("cpu", torch.bfloat16):
            loss = noise_loss(pair, latents[which], pair.read(words), alphas)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(lora.parameters(), 1.0)
        optimizer.step()
        shown += loss.item() / 20
        if (step + 1) % 20 == 0:
            seconds = time.monotonic() - clock
            print(f"{recipe.name} {step + 1} loss {shown:.4f} {seconds:.0f} s", flush=True)
            shown = 0.0
    save_checkpoint(work / f"lora-{recipe.name}.pt", tensors=lora.tensors(), rank=recipe.rank)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder with vae.pt and denoiser.pt")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(RECIPES)}")
    arguments = parser.parse_args()
    prepare_cpu()
    for name in arguments.names or RECIPES:
        train(arguments.work, RECIPES[name])


if __name__ == "__main__":
    main()
