"""A planned prompt as CONDITIONING, and what of it counts in one call of the model.

An entry that is not said all the time, or is one of several that guide together, has the option
`webui`: `calls` (first and last call, counted from 0, both included), `weight` and `part`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.text.prompts import Listeners, refuse_endless
from engine.text.webui.encode import WEBUI_DEFAULTS, WebuiOptions, encode_webui
from engine.text.webui.plan import Plan

KEY = "webui"

Entry = Sequence[Any]


def conditioning(
    plan: Plan,
    to: Listeners,
    options: WebuiOptions = WEBUI_DEFAULTS,
    *,
    zero_if_empty: bool = False,
) -> list[list[Any]]:
    """`plan` encoded, as entries `[cond, options]` in the order of parts and calls.

    With `zero_if_empty`, webui's way with SDXL's negative prompts, an empty prompt is all zeros.
    Raises ValueError as `encode_webui` does.
    """
    refuse_endless(part.weight for part in plan.parts)
    entries = []
    for number, part in enumerate(plan.parts):
        encoded = encode_webui(part.counts, to, options)
        zero = zero_if_empty and not any(part.counts)
        for first, last, text in part.calls:
            cond, pooled = encoded[text].cond, encoded[text].pooled
            if zero:
                cond, pooled = torch.zeros_like(cond), torch.zeros_like(pooled)
            said: dict[str, Any] = {"pooled_output": pooled}
            if not plan.plain:
                said[KEY] = {"calls": [first, last], "weight": part.weight, "part": number}
            entries.append([cond, said])
    return entries


def at_call(entries: Sequence[Entry], call: int) -> list[tuple[float, Entry]]:
    """What of `entries` counts in `call`, counted from 0, with its weight: one for each part.

    After a part's last call its last entry stays. Entries without the option count always.
    """
    chosen: dict[object, tuple[float, Entry]] = {}
    for number, entry in enumerate(entries):
        said: Mapping[str, Any] | None = entry[1].get(KEY)
        if said is None:
            chosen["plain", number] = (1.0, entry)
        elif said["calls"][0] <= call or said["part"] not in chosen:
            chosen[said["part"]] = (float(said["weight"]), entry)
    return list(chosen.values())


def guide_together(uncond: Tensor, parts: Sequence[tuple[float, Tensor]], cfg: float) -> Tensor:
    """`uncond + sum of weight * cfg * (cond - uncond)` over the parts, given as (weight, cond)."""
    guided = uncond
    for weight, cond in parts:
        guided = guided + weight * cfg * (cond - uncond)
    return guided
