"""Teaches the starter's text encoder to read, before any picture is drawn: words to a layout.

Run: python -m tools.starter.reading WORKDIR. A caption says what is above what; the picture needs
what is where. Left to find that out from noise errors alone, a model of this size mixes up which
colour belongs to which thing. So the last tokens of the padding, which have seen the whole caption,
are taught to tell what lies in each region of the picture, and the words to say little themselves;
the UNet then finds a region's thing under a key that is always the same. The encoder stays as it is
while the UNet trains.
"""

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel

from engine.text.tokenizer import END, START
from tools.starter.latents import token_ids
from tools.starter.scenes import (
    BACKGROUNDS,
    COLOURS,
    PLACES,
    SHAPES,
    SIZES,
    TEXTURES,
    Scene,
    Thing,
    caption,
    sample_split,
)
from tools.starter.training import learning_rate, prepare_cpu, save_checkpoint

WIDTH = 64
STEPS = 3500
BATCH = 96
PEAK_RATE = 2e-3
CAPTIONS = 60_000
QUIET_WEIGHT = 0.3
UNSAID = -100
# The last slots of the context: one for the background and one for each place.
LAYOUT_SLOTS = 1 + len(PLACES)
# What is told of a region, in this order; 0 is "nothing there".
TRAITS = (SHAPES, COLOURS, TEXTURES, SIZES)
ROWS = {2: ("left", "right"), 3: ("left", "centre", "right")}
PAIRS = {"vertical": ("top", "bottom"), "horizontal": ("left", "right")}


def build_text() -> CLIPTextModel:
    """CLIP's text encoder, one head of 64 channels, four layers, untrained."""
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


def layout(scene: Scene) -> dict[str, Thing]:
    """Which thing lies in which of `PLACES`."""
    if scene.relation == "alone":
        return {scene.place: scene.things[0]}
    places = PAIRS.get(scene.relation) or ROWS[len(scene.things)]
    return dict(zip(places, scene.things, strict=True))


def answers(scene: Scene, words: str) -> tuple[list[list[int]], list[int]]:
    """What the reader should say: for each place the number of each trait (0 is nothing there,
    `UNSAID` what the words do not tell), and the background's colour and whether it is a gradient.
    """
    things = layout(scene)
    told = any(size in words for size in SIZES)
    rows = []
    for place in PLACES:
        thing = things.get(place)
        if thing is None:
            rows.append([0] * len(TRAITS))
            continue
        row = [
            1 + names.index(value)
            for names, value in zip(
                TRAITS, (thing.shape, thing.colour, thing.texture, thing.size), strict=True
            )
        ]
        both = len(set(scene.things)) == 1 and told
        row[-1] = row[-1] if both else UNSAID
        rows.append(row)
    return rows, [BACKGROUNDS.index(scene.background), int(scene.gradient)]


class Reader(nn.Module):
    """Linear answers from the last tokens: one for each place, and one for the background."""

    def __init__(self) -> None:
        super().__init__()
        self.traits = nn.ModuleList(nn.Linear(WIDTH, 1 + len(names)) for names in TRAITS)
        self.background = nn.Linear(WIDTH, len(BACKGROUNDS))
        self.gradient = nn.Linear(WIDTH, 2)

    def forward(self, hidden: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Scores for each trait [B, places, names + 1] and for the background [B, n], from hidden
        states [B, 77, 64].
        """
        places = hidden[:, -len(PLACES) :]
        rest = hidden[:, -LAYOUT_SLOTS]
        return [head(places) for head in self.traits], [self.background(rest), self.gradient(rest)]


def loss_of(
    said: tuple[list[Tensor], list[Tensor]], places: Tensor, rest: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean cross entropy, and the share of captions that are read without any mistake."""
    losses, right = [], torch.ones(len(places), dtype=torch.bool)
    for trait, scores in enumerate(said[0]):
        wanted = places[:, :, trait]
        losses.append(functional.cross_entropy(scores.flatten(0, 1), wanted.flatten()))
        right &= ((scores.argmax(-1) == wanted) | (wanted == UNSAID)).all(dim=1)
    for index, scores in enumerate(said[1]):
        losses.append(functional.cross_entropy(scores, rest[:, index]))
        right &= scores.argmax(-1) == rest[:, index]
    return torch.stack(losses).sum(), right.float().mean()


def loudness(hidden: Tensor, empty: Tensor) -> Tensor:
    """Mean square of what the words themselves say: how far their states [B, 77, 64] are from those
    of no caption [1, 77, 64].

    Words say which things there are and not where. A UNet that hears them leans on them, and which
    thing goes where stays a matter of luck; a whisper is left so that emphasis has something to
    act on.
    """
    said: Tensor = (hidden - empty.detach())[:, :-LAYOUT_SLOTS]
    return said.square().mean()


def lessons(seeds: Sequence[int], *, test: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids int64 [N, 77], answers int64 [N, places, traits] and [N, 2] for these seeds."""
    captions, places, rest = [], [], []
    for seed in seeds:
        rng = random.Random(seed)
        scene = sample_split(rng, test=test)
        words = caption(scene, rng)
        rows, background = answers(scene, words)
        captions.append(words)
        places.append(rows)
        rest.append(background)
    return token_ids(captions), torch.tensor(places), torch.tensor(rest)


def train(work: Path, steps: int) -> None:
    """Train from nothing, or from the weights of WORK/text.pt, and leave the weights there."""
    torch.manual_seed(5)
    text, reader = build_text(), Reader()
    # torch's fused attention is slow here in its backward pass.
    text.set_attn_implementation("eager")
    empty = token_ids([""])
    ids, places, rest = lessons(range(4_000_000, 4_000_000 + CAPTIONS), test=False)
    exam = lessons(range(4_900_000, 4_902_000), test=True)
    optimizer = torch.optim.AdamW(
        [*text.parameters(), *reader.parameters()],
        lr=PEAK_RATE,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        fused=True,
    )
    clock = time.monotonic()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK_RATE, 200)
        which = torch.randint(len(ids), (BATCH,))
        with torch.autocast("cpu", torch.bfloat16):
            hidden = text(input_ids=torch.cat([empty, ids[which]])).last_hidden_state.float()
        loss, right = loss_of(reader(hidden[1:]), places[which], rest[which])
        loss = loss + QUIET_WEIGHT * loudness(hidden[1:], hidden[:1])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - clock
            told = f"loss {loss.item():.4f} right {right.item():.3f} {seconds:.0f} s"
            print(f"reading {step + 1} {told}", flush=True)
    with torch.no_grad():
        parts = [
            loss_of(reader(text(input_ids=i).last_hidden_state), p, r)[1]
            for i, p, r in zip(*(torch.split(part, 200) for part in exam), strict=True)
        ]
    print(f"captions of held-out scenes read without mistake: {torch.stack(parts).mean():.4f}")
    save_checkpoint(work / "text.pt", model=text.state_dict(), reader=reader.state_dict())


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
