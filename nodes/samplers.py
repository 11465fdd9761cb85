"""Nodes that give a SAMPLER: one by its name, and those whose numbers may be chosen."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling.resize import METHODS
from engine.sampling.samplers.registry import LCM_UPSCALE, SAMPLERS, sampler
from nodes.types import MODEL, SAMPLER, Percent

_CATEGORY = "sampling/custom_sampling/samplers"

Number = Annotated[float, Range(0.0, 100.0, 0.01, round=False)]
NoiseDevice = Annotated[str, Choice(("gpu", "cpu"))]


@node("KSamplerSelect", category=_CATEGORY)
def k_sampler_select(*, sampler_name: Annotated[str, Choice(SAMPLERS)]) -> SAMPLER:
    """The sampler of that name, as KSampler uses it."""
    return sampler(sampler_name)


@node("SamplerEulerAncestral", category=_CATEGORY)
def sampler_euler_ancestral(*, eta: Number = 1.0, s_noise: Number = 1.0) -> SAMPLER:
    """Euler with fresh noise: eta says how much of each step, s_noise scales it."""
    return sampler("euler_ancestral").with_options(eta=eta, s_noise=s_noise)


@node("SamplerEulerAncestralCFGPP", "SamplerEulerAncestralCFG++", category=_CATEGORY)
def sampler_euler_ancestral_cfg_pp(
    *,
    eta: Annotated[float, Range(0.0, 1.0, 0.01, round=False)] = 1.0,
    s_noise: Annotated[float, Range(0.0, 10.0, 0.01, round=False)] = 1.0,
) -> SAMPLER:
    """Euler ancestral in CFG++ form, for guidance scales around 1."""
    return sampler("euler_ancestral_cfg_pp").with_options(eta=eta, s_noise=s_noise)


@node("SamplerEulerCFGpp", "SamplerEulerCFG++", category="_for_testing")
def sampler_euler_cfg_pp(*, version: Annotated[str, Choice(("regular", "alternative"))]) -> SAMPLER:
    """Euler in CFG++ form, for guidance scales around 1."""
    return sampler("euler_cfg_pp").with_options(version=version)


@node("SamplerLMS", category=_CATEGORY)
def sampler_lms(*, order: Annotated[int, Range(1, 100)] = 4) -> SAMPLER:
    """Linear multistep, of so many earlier steps."""
    return sampler("lms").with_options(order=order)


@node("SamplerDPMPP_3M_SDE", category=_CATEGORY)
def sampler_dpmpp_3m_sde(
    *, eta: Number = 1.0, s_noise: Number = 1.0, noise_device: NoiseDevice
) -> SAMPLER:
    """DPM-Solver++(3M) SDE. Noise that is drawn on the CPU is the same on every machine."""
    return sampler("dpmpp_3m_sde").with_options(eta=eta, s_noise=s_noise, noise_device=noise_device)


@node("SamplerDPMPP_2M_SDE", category=_CATEGORY)
def sampler_dpmpp_2m_sde(
    *,
    solver_type: Annotated[str, Choice(("midpoint", "heun"))],
    eta: Number = 1.0,
    s_noise: Number = 1.0,
    noise_device: NoiseDevice,
) -> SAMPLER:
    """DPM-Solver++(2M) SDE. Noise that is drawn on the CPU is the same on every machine."""
    return sampler("dpmpp_2m_sde").with_options(
        solver_type=solver_type, eta=eta, s_noise=s_noise, noise_device=noise_device
    )


@node("SamplerDPMPP_SDE", category=_CATEGORY)
def sampler_dpmpp_sde(
    *, eta: Number = 1.0, s_noise: Number = 1.0, r: Number = 0.5, noise_device: NoiseDevice
) -> SAMPLER:
    """DPM-Solver++ SDE, which looks at two noise levels a step; r says where the second is."""
    if r == 0:
        raise ValueError("r is 0: the second look would be at the place of the first. Choose 0.5.")
    return sampler("dpmpp_sde").with_options(
        eta=eta, s_noise=s_noise, r=r, noise_device=noise_device
    )


@node("SamplerDPMPP_2S_Ancestral", category=_CATEGORY)
def sampler_dpmpp_2s_ancestral(*, eta: Number = 1.0, s_noise: Number = 1.0) -> SAMPLER:
    """DPM-Solver++(2S) with fresh noise at every step."""
    return sampler("dpmpp_2s_ancestral").with_options(eta=eta, s_noise=s_noise)


@node("SamplerDPMAdaptative", category=_CATEGORY)
def sampler_dpm_adaptive(
    *,
    order: Annotated[int, Range(2, 3)] = 3,
    rtol: Number = 0.05,
    atol: Number = 0.0078,
    h_init: Number = 0.05,
    pcoeff: Number = 0.0,
    icoeff: Number = 1.0,
    dcoeff: Number = 0.0,
    accept_safety: Number = 0.81,
    eta: Number = 0.0,
    s_noise: Number = 1.0,
) -> SAMPLER:
    """Chooses its steps itself, so that each is wrong by no more than the tolerances allow."""
    if h_init == 0 or rtol == atol == 0:
        raise ValueError(
            "With h_init 0, or rtol and atol both 0, no step is small enough. Choose h_init 0.05, "
            "rtol 0.05 and atol 0.0078."
        )
    return sampler("dpm_adaptive").with_options(
        order=order,
        rtol=rtol,
        atol=atol,
        h_init=h_init,
        pcoeff=pcoeff,
        icoeff=icoeff,
        dcoeff=dcoeff,
        accept_safety=accept_safety,
        eta=eta,
        s_noise=s_noise,
    )


@node("SamplerER_SDE", category=_CATEGORY)
def sampler_er_sde(
    *,
    solver_type: Annotated[str, Choice(("ER-SDE", "Reverse-time SDE", "ODE"))],
    max_stage: Annotated[int, Range(1, 3)] = 3,
    eta: Number = 1.0,
    s_noise: Number = 1.0,
) -> SAMPLER:
    """Extended reverse-time SDE of up to three stages; ODE, or eta 0, draws no noise."""
    return sampler("er_sde").with_options(
        solver_type=solver_type, max_stage=max_stage, eta=eta, s_noise=s_noise
    )


@node("SamplerSASolver", category=_CATEGORY)
def sampler_sa_solver(
    *,
    model: MODEL,  # noqa: ARG001 - the percents are those of the model that is sampled
    eta: Annotated[float, Range(0.0, 10.0, 0.01, round=False)] = 1.0,
    sde_start_percent: Percent = 0.2,
    sde_end_percent: Percent = 0.8,
    s_noise: Number = 1.0,
    predictor_order: Annotated[int, Range(1, 6)] = 3,
    corrector_order: Annotated[int, Range(0, 6)] = 4,
    use_pece: bool,
    simple_order_2: bool,
) -> SAMPLER:
    """Stochastic Adams: predicts each step from the last ones, then corrects it; noise is drawn
    between the two percents of the way.
    """
    return sampler("sa_solver").with_options(
        eta=eta,
        sde_start_percent=sde_start_percent,
        sde_end_percent=sde_end_percent,
        s_noise=s_noise,
        predictor_order=predictor_order,
        corrector_order=corrector_order,
        use_pece=use_pece,
        simple_order_2=simple_order_2,
    )


@node("SamplerLCMUpscale", category=_CATEGORY)
def sampler_lcm_upscale(
    *,
    scale_ratio: Annotated[float, Range(0.1, 20.0, 0.01)] = 1.0,
    scale_steps: Annotated[int, Range(-1, 1000, 1)] = -1,
    upscale_method: Annotated[str, Choice(METHODS)],
) -> SAMPLER:
    """LCM that makes the latent larger in its first steps; -1 is about half of them."""
    return LCM_UPSCALE.with_options(
        scale_ratio=scale_ratio, scale_steps=scale_steps, upscale_method=upscale_method
    )
