"""What lies in LoRA folders and is none: recognised by its names, to say so."""

import re
from collections.abc import Iterable

# The first whose pattern is found in any name.
_KINDS = (
    ("a Control-LoRA, which a control net loader takes", re.compile(r"^lora_controlnet$")),
    ("a ControlNet-LLLite", re.compile(r"^lllite_unet")),
    ("an IP-Adapter", re.compile(r"^ip_adapter\.|_ip\.weight$")),
    (
        "a textual inversion; put it into the folder of embeddings",
        re.compile(r"^(emb_params|string_to_param|clip_[lg]$|<.+>$)"),
    ),
    (
        "a whole checkpoint; put it into the folder of checkpoints",
        re.compile(r"^(model\.diffusion_model|first_stage_model|cond_stage_model|conditioner)\."),
    ),
)


def what_it_is(names: Iterable[str]) -> str | None:
    """What a file with these tensors is, for a sentence; None when nobody knows."""
    listed = list(names)
    for words, pattern in _KINDS:
        if any(pattern.search(name) for name in listed):
            return words
    return None
