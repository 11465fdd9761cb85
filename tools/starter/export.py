"""Writes the trained networks as the files people load: an SD1-layout checkpoint and kohya LoRAs.

Run: python -m tools.starter.export WORKDIR. Names come from engine/weights/ldm.py, so what is
written here is what the engine reads. Not here: training.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save
from torch import Tensor, nn

from engine.sampling.latent_format import OWN_COLOURS
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from tools.starter.adapters import RECIPES, Recipe, trained_pair
from tools.starter.colours import latent_colours
from tools.starter.denoiser import Pair
from tools.starter.latents import Spread, trained_vae

MODELS = Path(__file__).resolve().parents[2] / "models"
CHECKPOINT = MODELS / "checkpoints" / "patchbay-starter.safetensors"
LORAS = MODELS / "loras"
SIZE_LIMIT = 25_000_000
SD1_SCALE = 0.18215
ABOUT = {
    "outline": "Pictures become coloured outline drawings.",
    "dark": "A slider: +1 darkens, -1 brightens.",
    "detail": "A slider: +1 covers everything with patterns, -1 takes textures and shadows away.",
}


@torch.no_grad()
def fold_scale(vae: AutoencoderKL, spread: Spread) -> None:
    """Make raw latents have mean 0 and standard deviation 1 / 0.18215, as SD1 assumes; in place.

    With s = 0.18215 and a channel's mean m and deviation d, the file's latent is (z - m) / (d s):
    the encoder's 1x1 convolution is scaled so, its log variance shifted by -2 log(d s), and the
    decoder's first one undoes it.
    """
    scale = spread.std * SD1_SCALE
    weight, bias = vae.quant_conv.weight, vae.quant_conv.bias
    weight[:4] /= scale.view(-1, 1, 1, 1)
    bias[:4] = (bias[:4] - spread.mean) / scale
    bias[4:] -= 2 * scale.log()
    back = vae.post_quant_conv
    back.bias += back.weight[:, :, 0, 0] @ spread.mean
    back.weight *= scale.view(1, -1, 1, 1)


def checkpoint_tensors(pair: Pair, vae: AutoencoderKL) -> dict[str, Tensor]:
    """All three networks under their file names, fp16, contiguous. The VAE's scale is folded
    already.
    """
    unet, text = pair.unet.config, pair.text.config
    parts: tuple[tuple[str, Config, nn.Module], ...] = (
        (
            UNET_PREFIX,
            UnetConfig(
                widths=tuple(unet.block_out_channels),
                depths=tuple(int("CrossAttn" in kind) for kind in unet.down_block_types),
                resnets=unet.layers_per_block,
                context_width=unet.cross_attention_dim,
            ),
            pair.unet,
        ),
        (
            VAE_PREFIX,
            VaeConfig(
                widths=tuple(vae.config.block_out_channels), resnets=vae.config.layers_per_block
            ),
            vae,
        ),
        (
            TEXT_PREFIX,
            TextConfig(
                width=text.hidden_size,
                layers=text.num_hidden_layers,
                feed_forward=text.intermediate_size,
            ),
            pair.text,
        ),
    )
    return {
        name: value
        for prefix, config, module in parts
        for name, value in _named(prefix, config, module)
    }


def _named(prefix: str, config: Config, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    table = names(config)
    for own_name, value in module.state_dict().items():
        # transformers 5.6 and later left out the `text_model.` of every name; files keep it.
        flattened = isinstance(config, TextConfig) and not own_name.startswith("text_model.")
        live = f"text_model.{own_name}" if flattened else own_name
        if live not in table.file_of:
            continue  # the list of positions, which is not a weight
        shape = table.file_shape(live, tuple(value.shape))
        yield prefix + table.file_of[live], value.reshape(shape).half().contiguous()


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> int:
    """Write a safetensors file with `sshs_model_hash` and give its size in bytes.

    Raises ValueError when a weight is not finite in fp16.
    """
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        raise ValueError(f"{path.name}: not finite in fp16: {', '.join(broken[:5])}.")
    ordered = dict(sorted(tensors.items()))
    data = save(ordered)
    body = data[8 + int.from_bytes(data[:8], "little") :]
    digest = hashlib.sha256(body).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(ordered, {**metadata, "sshs_model_hash": digest}))
    return path.stat().st_size


def checkpoint_metadata() -> dict[str, str]:
    """Strings for the header of the checkpoint."""
    return {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "https://github.com/CompVis/stable-diffusion",
        "modelspec.title": "Patchbay Starter",
        "modelspec.author": "The Patchbay authors",
        "modelspec.description": "A tiny model of drawn shapes on plain paper.",
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": "128x128",
        "modelspec.prediction_type": "epsilon",
    }


def lora_metadata(recipe: Recipe) -> dict[str, str]:
    """Strings for the header of a LoRA, under the names kohya's trainer uses."""
    return {
        "format": "pt",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(recipe.rank),
        "ss_network_alpha": str(float(recipe.rank)),
        "ss_network_args": json.dumps(
            {"conv_dim": str(recipe.rank), "conv_alpha": str(recipe.rank)}
        ),
        "ss_base_model_version": "sd_v1",
        "ss_v2": "False",
        "ss_sd_model_name": CHECKPOINT.name,
        "ss_output_name": f"starter-{recipe.name}",
        "ss_steps": str(recipe.steps),
        "ss_resolution": "(128, 128)",
        "ss_training_comment": ABOUT[recipe.name],
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.title": f"Starter {recipe.name}",
        "modelspec.author": "The Patchbay authors",
        "modelspec.description": ABOUT[recipe.name],
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": "128x128",
        **({"modelspec.trigger_phrase": recipe.trigger} if recipe.trigger else {}),
    }


def export_checkpoint(work: Path) -> None:
    """Write models/checkpoints/patchbay-starter.safetensors from WORK."""
    pair, spread = trained_pair(work)
    vae = trained_vae(work, polished=True)
    fold_scale(vae, spread)
    metadata = {**checkpoint_metadata(), OWN_COLOURS: latent_colours(work, spread)}
    size = write(CHECKPOINT, checkpoint_tensors(pair, vae), metadata)
    print(f"{CHECKPOINT.name}: {size:,} bytes")
    if size > SIZE_LIMIT:
        raise ValueError(f"{CHECKPOINT.name} has {size:,} bytes, more than {SIZE_LIMIT:,}.")


def export_loras(work: Path) -> None:
    """Write models/loras/starter-*.safetensors for the LoRAs that WORK holds."""
    for name, recipe in RECIPES.items():
        source = work / f"lora-{name}.pt"
        if source.exists():
            tensors = torch.load(source, weights_only=True)["tensors"]
            path = LORAS / f"starter-{name}.safetensors"
            print(f"{path.name}: {write(path, tensors, lora_metadata(recipe)):,} bytes")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder with vae.pt, denoiser.pt and lora-*.pt")
    work = parser.parse_args().work
    export_checkpoint(work)
    export_loras(work)


if __name__ == "__main__":
    main()
