"""CONDITIONING values made ready for one run: what the model is given, where it counts, and when.

The order of the steps in `prepare` matters: areas and masks first, then what the model is given,
then the areas of other groups, then control nets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.sampling.areas import add_twins, mask_bounds, read_area, read_mask
from engine.sampling.control import ControlRuns, share_controls
from engine.sampling.entries import Entry
from engine.sampling.facts import RunFacts
from engine.sampling.inpaint import concat_channels
from engine.sampling.lora_hooks import scheduled
from engine.sampling.model import DiffusionModel
from engine.sampling.ranges import sigma_at

# Keys that change the picture and that nothing here acts upon yet. Keys that nobody knows are let
# through, as packs put their own notes into conditioning.
_NOT_YET = ("gligen", "unclip_conditioning")
# An entry has a range that nodes set, and one that a scheduled text encoder gave it.
_WHOSE = ("", "clip_")


def prepare(
    named: Mapping[str, Sequence[Any]], model: DiffusionModel, facts: RunFacts
) -> dict[str, tuple[Entry, ...]]:
    """The entries of CONDITIONING values (lists of [tensor, dict]) by the names of their groups.

    A group called "negative" gets what "positive" hands to the unguided side. Raises ValueError
    for a value without entries, and when an entry was made for another family of models or asks for
    something that cannot be done.
    """
    for name, value in named.items():
        if not value:
            raise ValueError(
                f"The {name} conditioning has no entries, so there is nothing to sample towards. "
                "Connect an encoded prompt; an empty text will do."
            )
    controls = ControlRuns(model.sampling, facts.latent.device)
    groups = {
        name: [_entry(name, tensor, options, model, facts, controls) for tensor, options in value]
        for name, value in named.items()
    }
    add_twins(list(groups.values()))
    if "positive" in groups and "negative" in groups:
        share_controls(groups["positive"], groups["negative"])
    return {name: tuple(group) for name, group in groups.items()}


def _entry(
    name: str,
    tensor: Tensor,
    options: Mapping[str, Any],
    model: DiffusionModel,
    facts: RunFacts,
    controls: ControlRuns,
) -> Entry:
    _refuse(options)
    height, width = facts.latent.shape[-2:]
    device, levels = facts.latent.device, model.sampling.levels
    mask = area = None
    if options.get("mask") is not None:
        mask = read_mask(options["mask"], height, width, device)
    if mask is not None and options.get("set_area_to_bounds"):
        area = mask_bounds(mask)
    elif options.get("area") is not None:
        area = read_area(options["area"], height, width)
    control = options.get("control")
    return Entry(
        context=_context(name, tensor, model).to(device, torch.float32),
        y=_label(name, options, model, facts),
        concat=concat_channels(model.concat, options, facts, model.format),
        control_context=_moved(options.get("cross_attn_controlnet"), device),
        strength=float(options.get("strength", 1.0)),
        start_sigma=min(
            sigma_at(options.get(f"{who}start_percent", 0.0), levels) for who in _WHOSE
        ),
        end_sigma=max(sigma_at(options.get(f"{who}end_percent", 1.0), levels) for who in _WHOSE),
        area=area,
        mask=mask,
        mask_strength=float(options.get("mask_strength", 1.0)),
        default=bool(options.get("default", False)),
        control=None if control is None else controls.run(control),
        control_to_uncond=bool(options.get("control_apply_to_uncond", False)),
        hooks=scheduled(options.get("hooks") or (), levels),
        options=options,
    )


def _refuse(options: Mapping[str, Any]) -> None:
    refused = [key for key in _NOT_YET if options.get(key) is not None]
    if refused:
        raise ValueError(
            f"This conditioning uses {', '.join(refused)}, which cannot be sampled yet. "
            "Take the node that adds it out of the graph."
        )


def _context(name: str, tensor: Tensor, model: DiffusionModel) -> Tensor:
    width = tensor.shape[-1]
    if width != model.context_width:
        raise ValueError(
            f"The {name} conditioning is {width} wide and this model takes "
            f"{model.context_width}: it was encoded by the CLIP of another model family. "
            "Connect the CLIP of the same checkpoint."
        )
    return tensor


def _label(
    name: str, options: Mapping[str, Any], model: DiffusionModel, facts: RunFacts
) -> Tensor | None:
    if model.adm is None:
        return None
    height, width = facts.latent.shape[-2:]
    side = options.get("prompt_type", "positive" if name == "positive" else "negative")
    y = model.adm(options, width=width * 8, height=height * 8, prompt_type=side)
    return _moved(y, facts.latent.device)


def _moved(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device, torch.float32)
