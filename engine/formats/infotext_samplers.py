"""Names of samplers and schedules as webui writes them, and what they are called here.

Source: the table of the prompt specification, section 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass

AUTOMATIC = "Automatic"
# What an unknown sampler is taken for.
FALLBACK = "DPM++ 2M"


@dataclass(frozen=True, slots=True)
class _Sampler:
    """A sampler here; webui's own schedule for it; whether the pictures are the same."""

    name: str
    scheduler: str
    exact: bool = True
    default: str = AUTOMATIC
    ignores: bool = False


_SAMPLERS: Mapping[str, _Sampler] = {
    "Euler": _Sampler("euler", "normal"),
    "Euler a": _Sampler("euler_ancestral", "normal"),
    "LMS": _Sampler("lms", "normal"),
    "Heun": _Sampler("heun", "normal"),
    "DPM2": _Sampler("dpm_2", "karras", default="Karras"),
    "DPM2 a": _Sampler("dpm_2_ancestral", "karras", default="Karras"),
    "DPM++ 2S a": _Sampler("dpmpp_2s_ancestral", "karras", default="Karras"),
    "DPM++ 2M": _Sampler("dpmpp_2m", "karras", default="Karras"),
    "DPM++ SDE": _Sampler("dpmpp_sde", "karras", default="Karras"),
    "DPM++ 2M SDE": _Sampler("dpmpp_2m_sde", "exponential", default="Exponential"),
    "DPM++ 2M SDE Heun": _Sampler("dpmpp_2m_sde_heun", "exponential", default="Exponential"),
    "DPM++ 3M SDE": _Sampler("dpmpp_3m_sde", "exponential", False, default="Exponential"),
    "DPM fast": _Sampler("dpm_fast", "normal"),
    "DPM adaptive": _Sampler("dpm_adaptive", "normal"),
    "Restart": _Sampler("heun", "karras", False, default="Karras"),
    "DDIM": _Sampler("ddim", "ddim_uniform", False, ignores=True),
    "DDIM CFG++": _Sampler("euler_cfg_pp", "ddim_uniform", False, ignores=True),
    "PLMS": _Sampler("ipndm", "ddim_uniform", False, ignores=True),
    "UniPC": _Sampler("uni_pc", "normal", False, ignores=True),
    "LCM": _Sampler("lcm", "normal", False),
}
_SCHEDULES: Mapping[str, str] = {
    "Uniform": "normal",
    "Karras": "karras",
    "Exponential": "exponential",
    "Polyexponential": "exponential",
    "SGM Uniform": "sgm_uniform",
    "KL Optimal": "kl_optimal",
    "Align Your Steps": "normal",
    "Simple": "simple",
    "Normal": "normal",
    "DDIM": "ddim_uniform",
    "Beta": "beta",
}
_INEXACT_SCHEDULES = ("Align Your Steps",)
# Other spellings, in names of samplers that carry their schedule.
_SPELLINGS = {"SGMUniform": "SGM Uniform", "KLOptimal": "KL Optimal"}


@dataclass(frozen=True, slots=True)
class NamedSampler:
    """What a sampler of an infotext is.

    Attributes:
        sampler: in webui's own words.
        schedule: in webui's own words; "Automatic" where nothing is said.
        engine: the sampler and the scheduler here.
        exact: whether these give the same pictures.
        warnings: sentences about what is not the same.
    """

    sampler: str
    schedule: str
    engine: tuple[str, str]
    exact: bool
    warnings: tuple[str, ...] = ()

    @property
    def collapsed(self) -> str:
        """`schedule`, but "Automatic" where it is what the sampler has anyway."""
        return AUTOMATIC if self.schedule == _SAMPLERS[self.sampler].default else self.schedule


def named_sampler(
    sampler: str, schedule: str | None = None, *, before_schedules: bool = False
) -> NamedSampler:
    """The sampler called `sampler`, which may carry its schedule as a suffix.

    `before_schedules` is for texts from before webui 1.9, in which a name without suffix meant the
    plain schedule.
    """
    warnings = []
    name, suffix = _without_suffix(sampler.strip())
    said = suffix or (schedule if schedule and schedule in _SCHEDULES else AUTOMATIC)
    known = name in _SAMPLERS
    if not known:
        warnings.append(f"The sampler {sampler!r} is not known; {FALLBACK} is used in its place.")
        name = FALLBACK
    found = _SAMPLERS[name]
    scheduler = found.scheduler
    if said != AUTOMATIC and not found.ignores:
        scheduler = _SCHEDULES[said]
    elif before_schedules and not found.ignores and name != "Restart":
        scheduler = "normal"
    if known and not found.exact:
        warnings.append(f"{name} is not the same here: {found.name} is the nearest to it.")
    if said in _INEXACT_SCHEDULES:
        warnings.append(f"The schedule {said} is not there; {scheduler} is used in its place.")
    exact = known and found.exact and said not in _INEXACT_SCHEDULES
    return NamedSampler(name, said, (found.name, scheduler), exact, tuple(warnings))


def _without_suffix(name: str) -> tuple[str, str]:
    """A sampler's name without the schedule at its end, and the schedule, "" for none."""
    if name in _SAMPLERS:
        return name, ""
    spellings = {one: one for one in _SCHEDULES} | _SPELLINGS
    for spelling in sorted(spellings, key=len, reverse=True):
        for written in (spelling, spelling.lower()):
            if name.endswith(f" {written}"):
                return name[: -len(written)].rstrip(), spellings[spelling]
    return name, ""
