"""Small LoRA files in kohya's names for the checkpoints of ``tests/engine/weights/tiny.py``."""

from pathlib import Path

import torch
from torch import Tensor

from engine.weights.handles import WeightsFile
from tests.engine.weights.tiny import save

BLOCK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0"
LINEAR = f"{BLOCK}_attn1_to_q"  # [32, 32]
CROSS = f"{BLOCK}_attn2_to_k"  # [32, 64]
CONV = "lora_unet_down_blocks_0_resnets_0_conv1"  # [32, 32, 3, 3]
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"  # [128, 64]
SHAPES = {LINEAR: (32, 32), CROSS: (32, 64), CONV: (32, 32, 3, 3), TEXT: (128, 64)}


def lora_tensors(*stems: str, rank: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """Random factors with alpha 1 for some of the stems above; for all of them by default."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for stem in stems or SHAPES:
        out, *inner = SHAPES[stem]
        one = (1,) * (len(inner) - 1)
        up = torch.randn((out, rank, *one), generator=generator)
        down = torch.randn((rank, *inner), generator=generator)
        tensors[f"{stem}.lora_up.weight"] = 0.1 * up
        tensors[f"{stem}.lora_down.weight"] = 0.1 * down
        tensors[f"{stem}.alpha"] = torch.tensor(1.0)
    return tensors


def tiny_lora(path: Path, *stems: str, rank: int = 2, seed: int = 0) -> WeightsFile:
    """A float16 file of ``lora_tensors`` at ``path``."""
    return save(path, lora_tensors(*stems, rank=rank, seed=seed))
