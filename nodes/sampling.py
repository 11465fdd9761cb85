"""Nodes that sample."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.graph.run import Preview, Run
from engine.sampling.ksample import SAMPLERS, SCHEDULERS, Resume, Step, ksample
from engine.sampling.preview import latent_to_jpeg
from engine.weights.residency import Residency
from nodes.types import CONDITIONING, LATENT, MODEL, Seed


@node("KSampler", category="sampling", lane="device")
def k_sampler(
    *,
    run: Run,
    model: MODEL,
    seed: Seed = 0,
    steps: Annotated[int, Range(1, 10000)] = 20,
    cfg: Annotated[float, Range(0.0, 100.0, 0.1, round=0.01)] = 8.0,
    sampler_name: Annotated[str, Choice(SAMPLERS)],
    scheduler: Annotated[str, Choice(SCHEDULERS)],
    positive: CONDITIONING,
    negative: CONDITIONING,
    latent_image: LATENT,
    denoise: Annotated[float, Range(0.0, 1.0, 0.01)] = 1.0,
) -> LATENT:
    """Denoises a latent, guided towards the positive and away from the negative prompt."""
    residency = run.service(Residency)
    network = residency.unet(model, run.check)

    def on_step(step: Step) -> None:
        preview = Preview(latent_to_jpeg(step.denoised[:1])) if run.wants_preview else None
        run.progress(step.index + 1, step.total, preview)

    return ksample(
        network,
        latent_image,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        positive=positive,
        negative=negative,
        denoise=denoise,
        device=residency.device,
        on_step=on_step,
        resume=_resume(run),
    )


def _resume(run: Run) -> Resume:
    return Resume(run.resumed(), run.keep, lambda note: run.show("warnings", [note]))
