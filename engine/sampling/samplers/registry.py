"""The samplers by name, in the order of the menu. Adding one is a function and a line here."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from engine.sampling.samplers import (
    adams,
    adaptive,
    dpm_solver,
    er_sde,
    euler,
    multistep,
    res,
    sa_solver,
    sde,
    second_order,
    seeds,
    uni_pc,
    upscale,
)
from engine.sampling.samplers.tools import Denoise, SamplerFunction, State, Tools


def _one_each(steps: int) -> int:
    return steps


def _unknown(_: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler, the options it is run with, and what it asks of the run around it.

    Attributes:
        run: the function.
        options: its keyword arguments that are not the defaults, in the order of their names.
        discard_penultimate: schedules drop their last sigma but one.
        needs_uncond: the unguided prediction is computed even at cfg 1.
        own_mask_noise: masked runs use the noise of the next seed for what is kept.
        continues: step noise goes on where the start noise ended.
        resizes: the latent changes its size on the way.
        count: how many steps it makes where a schedule has so many; None when only the run will
            tell.
    """

    run: SamplerFunction
    options: tuple[tuple[str, Any], ...] = ()
    discard_penultimate: bool = False
    needs_uncond: bool = False
    own_mask_noise: bool = False
    continues: bool = False
    resizes: bool = False
    count: Callable[[int], int | None] = _one_each

    @property
    def name(self) -> str:
        """What tells it from every other, with its options."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.options)
        return f"{self.run.__name__}({options})"

    def with_options(self, **options: Any) -> "Sampler":
        """The sampler with some options more or other ones; their values are to be hashable.

        Raises ValueError for options that it does not have.
        """
        every = inspect.signature(self.run).parameters.values()
        known = {p.name: p.default for p in every if p.kind is p.KEYWORD_ONLY}
        if unknown := options.keys() - known.keys():
            raise ValueError(
                f'The sampler "{self.run.__name__}" has no option called '
                f"{', '.join(sorted(unknown))}. It has: {', '.join(known) or 'none'}."
            )
        chosen = {**dict(self.options), **options}
        kept = tuple(sorted((n, v) for n, v in chosen.items() if v != known[n]))
        return replace(self, options=kept)

    def __call__(
        self, denoise: Denoise, start: State, sigmas: Tensor, tools: Tools
    ) -> Iterator[State]:
        """Every state after `start`; see `SamplerFunction`."""
        return self.run(denoise, start, sigmas, tools, **dict(self.options))


_DPMPP_SDE = Sampler(sde.dpmpp_sde)
_DPMPP_2M_SDE = Sampler(sde.dpmpp_2m_sde)
_DPMPP_3M_SDE = Sampler(sde.dpmpp_3m_sde)
_RES = Sampler(res.res_multistep)
_RES_CFG_PP = Sampler(res.res_multistep_cfg_pp, needs_uncond=True)
_EXP_HEUN = Sampler(seeds.seeds_2).with_options(r=1.0, solver_type="phi_2")
_UNI_PC = Sampler(uni_pc.uni_pc, discard_penultimate=True)

_SAMPLERS: Mapping[str, Sampler] = {
    "euler": Sampler(euler.euler),
    "euler_cfg_pp": Sampler(euler.euler_cfg_pp, needs_uncond=True),
    "euler_ancestral": Sampler(euler.euler_ancestral),
    "euler_ancestral_cfg_pp": Sampler(euler.euler_ancestral_cfg_pp, needs_uncond=True),
    "heun": Sampler(second_order.heun),
    "heunpp2": Sampler(second_order.heunpp2),
    "exp_heun_2_x0": _EXP_HEUN.with_options(eta=0.0),
    "exp_heun_2_x0_sde": _EXP_HEUN,
    "dpm_2": Sampler(second_order.dpm_2, discard_penultimate=True),
    "dpm_2_ancestral": Sampler(second_order.dpm_2_ancestral, discard_penultimate=True),
    "lms": Sampler(adams.lms),
    "dpm_fast": Sampler(dpm_solver.dpm_fast, count=dpm_solver.fast_steps),
    "dpm_adaptive": Sampler(adaptive.dpm_adaptive, count=_unknown),
    "dpmpp_2s_ancestral": Sampler(second_order.dpmpp_2s_ancestral),
    "dpmpp_2s_ancestral_cfg_pp": Sampler(second_order.dpmpp_2s_ancestral_cfg_pp, needs_uncond=True),
    "dpmpp_sde": _DPMPP_SDE,
    "dpmpp_sde_gpu": _DPMPP_SDE.with_options(noise_device="gpu"),
    "dpmpp_2m": Sampler(multistep.dpmpp_2m),
    "dpmpp_2m_cfg_pp": Sampler(multistep.dpmpp_2m_cfg_pp, needs_uncond=True),
    "dpmpp_2m_sde": _DPMPP_2M_SDE,
    "dpmpp_2m_sde_gpu": _DPMPP_2M_SDE.with_options(noise_device="gpu"),
    "dpmpp_2m_sde_heun": _DPMPP_2M_SDE.with_options(solver_type="heun"),
    "dpmpp_2m_sde_heun_gpu": _DPMPP_2M_SDE.with_options(solver_type="heun", noise_device="gpu"),
    "dpmpp_3m_sde": _DPMPP_3M_SDE,
    "dpmpp_3m_sde_gpu": _DPMPP_3M_SDE.with_options(noise_device="gpu"),
    "ddpm": Sampler(euler.ddpm),
    "lcm": Sampler(euler.lcm),
    "ipndm": Sampler(adams.ipndm),
    "ipndm_v": Sampler(adams.ipndm_v),
    "deis": Sampler(adams.deis),
    "res_multistep": _RES,
    "res_multistep_cfg_pp": _RES_CFG_PP,
    "res_multistep_ancestral": _RES.with_options(eta=1.0),
    "res_multistep_ancestral_cfg_pp": _RES_CFG_PP.with_options(eta=1.0),
    "gradient_estimation": Sampler(euler.gradient_estimation),
    "gradient_estimation_cfg_pp": Sampler(euler.gradient_estimation_cfg_pp, needs_uncond=True),
    "er_sde": Sampler(er_sde.er_sde),
    "seeds_2": Sampler(seeds.seeds_2),
    "seeds_3": Sampler(seeds.seeds_3),
    "sa_solver": Sampler(sa_solver.sa_solver),
    "sa_solver_pece": Sampler(sa_solver.sa_solver).with_options(use_pece=True),
    "ddim": Sampler(euler.euler, own_mask_noise=True),
    "uni_pc": _UNI_PC,
    "uni_pc_bh2": _UNI_PC.with_options(variant="bh2"),
}

SAMPLERS: tuple[str, ...] = tuple(_SAMPLERS)

# Not on the menu: the node that has its options makes it.
LCM_UPSCALE = Sampler(upscale.lcm_upscale, continues=True, resizes=True)


def sampler(name: str) -> Sampler:
    """The sampler called `name`. Raises ValueError, naming those there are."""
    if name not in _SAMPLERS:
        raise ValueError(
            f'There is no sampler called "{name}". Choose one of: {", ".join(SAMPLERS)}.'
        )
    return _SAMPLERS[name]
