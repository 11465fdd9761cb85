"""The samplers by name, in the order of the menu. Adding one is a function and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.sampling.samplers import euler, multistep, second_order
from engine.sampling.samplers.tools import SamplerFunction


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler and what it asks of the run around it.

    `discard_penultimate`: schedules drop their last sigma but one. `needs_uncond`: the unguided
    prediction is computed even at cfg 1. `own_mask_noise`: masked runs use the noise of the next
    seed for what is kept.
    """

    run: SamplerFunction
    discard_penultimate: bool = False
    needs_uncond: bool = False
    own_mask_noise: bool = False


_SAMPLERS: Mapping[str, Sampler] = {
    "euler": Sampler(euler.euler),
    "euler_cfg_pp": Sampler(euler.euler_cfg_pp, needs_uncond=True),
    "euler_ancestral": Sampler(euler.euler_ancestral),
    "euler_ancestral_cfg_pp": Sampler(euler.euler_ancestral_cfg_pp, needs_uncond=True),
    "heun": Sampler(second_order.heun),
    "dpm_2": Sampler(second_order.dpm_2, discard_penultimate=True),
    "dpm_2_ancestral": Sampler(second_order.dpm_2_ancestral, discard_penultimate=True),
    "lms": Sampler(multistep.lms),
    "dpmpp_2s_ancestral": Sampler(second_order.dpmpp_2s_ancestral),
    "dpmpp_2m": Sampler(multistep.dpmpp_2m),
    "dpmpp_2m_cfg_pp": Sampler(multistep.dpmpp_2m_cfg_pp, needs_uncond=True),
    "ddpm": Sampler(euler.ddpm),
    "lcm": Sampler(euler.lcm),
    "ipndm": Sampler(multistep.ipndm),
    "ddim": Sampler(euler.euler, own_mask_noise=True),
}

SAMPLERS: tuple[str, ...] = tuple(_SAMPLERS)


def sampler(name: str) -> Sampler:
    """The sampler called `name`. Raises ValueError, naming those there are."""
    if name not in _SAMPLERS:
        raise ValueError(
            f'There is no sampler called "{name}". Choose one of: {", ".join(SAMPLERS)}.'
        )
    return _SAMPLERS[name]
