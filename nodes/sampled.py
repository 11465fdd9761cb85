"""What every node that samples needs: the model on its link, and what surrounds a run."""

from dataclasses import dataclass, replace
from typing import Any, NoReturn

from engine.graph.run import Run
from engine.sampling.latent_format import with_own_colours
from engine.sampling.model import DiffusionModel, Network, network_model
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.pipeline import Step, Surroundings
from engine.sampling.policy import SamplingPolicy
from engine.sampling.resume import Resume
from engine.weights.handles import LoraPatch, Model, WeightsFile
from engine.weights.residency import Residency
from engine.weights.resolve import unet_of
from engine.weights.tensors import catalogue
from engine.weights.trained import Trained
from nodes.lora import show_hook_matches
from nodes.previews import Previews


def sampled(model: Model | DiffusionModel, run: Run) -> DiffusionModel:
    """The model on a MODEL link, ready to be sampled: its network loaded, its options applied.

    Raises WeightsError for a file that cannot be used, and ValueError for options that do not fit.
    """
    if isinstance(model, DiffusionModel):
        return model
    found = _with_options(run.service(Residency).unet(model, run.check), model)
    return replace(found, repatch=_Repatched(model, run))


class _Repatched:
    """The network of a handle with further LoRAs; what of them fits is shown on the node."""

    def __init__(self, model: Model, run: Run) -> None:
        self._model = model
        self._run = run
        self._shown: set[WeightsFile] = set()

    def __call__(self, patches: tuple[LoraPatch, ...]) -> Network:
        for patch in patches:
            if patch.file not in self._shown:
                self._shown.add(patch.file)
                show_hook_matches(self._run, patch.file, on=self._model)
        patched = replace(self._model, patches=(*self._model.patches, *patches))
        return self._run.service(Residency).unet(patched, self._run.check)


def sampling_of(model: Model | DiffusionModel) -> ModelSampling:
    """The noise levels of the model on a MODEL link; of its file the header alone is read.

    Raises what `sampled` raises.
    """
    if isinstance(model, DiffusionModel):
        return model.sampling
    part, trained = unet_of(model)
    return _with_options(_Described(trained, part.config.context_width), model).sampling


@dataclass(frozen=True, slots=True)
class _Described:
    """A network of which only the description is asked for."""

    trained: Trained
    context_width: int

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError("A network that was not loaded was called.")


def _with_options(network: Network, model: Model) -> DiffusionModel:
    found = network_model(network)
    colours = with_own_colours(found.format, catalogue(model.source).metadata)
    found = replace(found, format=colours)
    options: Any = model.options  # to the weights they are anything hashable
    for option in options:
        found = found.with_option(option)
    return found


def surroundings(model: DiffusionModel, run: Run) -> Surroundings:
    """Where `model` is sampled by a node, with the node's progress, previews and states."""
    previews = Previews(model.format, run)

    def on_step(step: Step) -> None:
        run.progress(step.index + 1, step.total, previews.of(step.denoised))

    return {
        "device": run.service(Residency).device,
        "profile": run.service(SamplingPolicy).profile,
        "on_step": on_step,
        "resume": Resume(run.resumed(), run.keep, lambda note: run.show("warnings", [note])),
    }
