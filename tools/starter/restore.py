"""Begins again from the shipped checkpoint: its weights, as states that training goes on from.

Run: python -m tools.starter.restore WORKDIR, then any of the trainings that need not start from
nothing. Files that WORKDIR has already are left alone. Not here: what is trained.
"""

import argparse
from pathlib import Path

from torch import Tensor

from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.choices import Choices
from engine.weights.configs import Config
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.networks import load_network
from engine.weights.part import Part
from tools.starter.denoiser import Pair
from tools.starter.export import CHECKPOINT
from tools.starter.training import save_checkpoint
from tools.starter.vae import build as build_vae


def restore(work: Path, source: Path = CHECKPOINT) -> list[str]:
    """Write the states that WORK lacks and give their names.

    The file's latent scale is folded into its coder, so latents come out of it as they should and
    `Spread` finds nothing left to do.
    """
    file = inspect_checkpoint(WeightsFile.of(source))
    if not (file.unet and file.texts and file.vae):
        raise WeightsError(f"{source.name} is no whole checkpoint: it lacks a network.")
    vae, pair = build_vae(), Pair()
    vae.load_state_dict(_values(file.vae))
    pair.unet.load_state_dict(_values(file.unet))
    pair.text.load_state_dict(_values(file.texts[0]))
    states: dict[str, dict[str, Tensor]] = {
        "vae.pt": vae.state_dict(),
        "vae-polished.pt": vae.state_dict(),
        "text.pt": pair.text.state_dict(),
        "denoiser.pt": pair.state_dict(),
    }
    missing = [name for name in states if not (work / name).exists()]
    for name in missing:
        save_checkpoint(work / name, model=states[name])
    return missing


def _values(part: Part[Config]) -> dict[str, Tensor]:
    """Weights, float32, by the names that the network itself has for them."""
    network = load_network(part, Choices().of(part.config))
    return network.module.state_dict()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for checkpoints")
    names = restore(parser.parse_args().work)
    print(f"written: {', '.join(names) or 'nothing, all were there'}")


if __name__ == "__main__":
    main()
