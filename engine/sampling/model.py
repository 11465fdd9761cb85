"""What can be sampled: a predictor of clean latents with its noise levels and latent format.

`DiffusionModel` is what the rest of this package works on; `network_model` makes one from a UNet.
Loading networks and patching them is the weights package's business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor

from engine.sampling.adm import family_adm
from engine.sampling.families import family_concat, family_format, family_sampling
from engine.sampling.hooks import NO_HOOKS, Hooks
from engine.sampling.inputs import NO_INPUTS, Control, Inputs
from engine.sampling.latent_format import LatentFormat
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.policy import NoiseProfile
from engine.weights.handles import LoraPatch
from engine.weights.sites import Patches
from engine.weights.trained import Trained


class Network(Protocol):
    """A UNet as it was trained."""

    @property
    def trained(self) -> Trained:
        """What its output means, over which noise, and what it takes beside x and the text."""
        ...

    @property
    def context_width(self) -> int: ...

    def __call__(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        *,
        y: Tensor | None = None,
        concat: Tensor | None = None,
        control: Control | None = None,
        patches: Patches | None = None,
    ) -> Tensor:
        """float32 [B, 4, h, w], [B] and [B, T, context_width] to float32 [B, 4, h, w].

        `y`, `concat`, `control` and `patches` are those of `Inputs`; `patches.call` is set.
        """
        ...


class Predict(Protocol):
    """A model as a predictor of x0: all that guidance and samplers ever call."""

    def __call__(
        self, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs = NO_INPUTS
    ) -> Tensor:
        """`x` float32 [B, C, h, w], `sigma` float32 [B], `context` float32 [B, T, D] to x0, like
        `x`.
        """
        ...


class Adm(Protocol):
    """How a family makes the vector of its label embedding out of a prompt's options."""

    def __call__(
        self, options: Mapping[str, Any], *, width: int, height: int, prompt_type: str
    ) -> Tensor:
        """The vector `y`, float32 [1, n].

        `options` are those of a CONDITIONING entry. `width` and `height` are the picture's, in
        pixels, and `prompt_type` is "positive" or "negative"; `options` may say otherwise. Raises
        ValueError when they lack what the family needs.
        """
        ...


@dataclass(frozen=True, slots=True)
class DiffusionModel:
    """A predictor, the tables of its family, and what prompts must bring for it.

    Attributes:
        context_width: channels of the prompts it takes.
        hooks: what options have added to guidance and to the network.
        adm: makes the `y` of `Inputs`; None for networks without a label embedding.
        concat: what `concat` of `Inputs` is made of, in order: keys that `inpaint.py` knows; empty
            for networks that take nothing beside the latent.
        profile: how noise is drawn for it, when that is to be another way than for other models.
        repatch: its network with further patches of its weights, for prompts that bring LoRAs.
    """

    predict: Predict
    sampling: ModelSampling
    format: LatentFormat
    context_width: int
    hooks: Hooks = NO_HOOKS
    adm: Adm | None = None
    concat: tuple[str, ...] = ()
    profile: NoiseProfile | None = None
    repatch: Callable[[tuple[LoraPatch, ...]], Network] | None = None

    def predict_with(self, patches: tuple[LoraPatch, ...]) -> Predict:
        """The predictor with further patches of the network's weights.

        Raises ValueError for a model whose weights nobody can patch.
        """
        if not patches:
            return self.predict
        if self.repatch is None or not isinstance(self.predict, NetworkPredict):
            raise ValueError(
                "A prompt brings LoRAs by hooks, and this model has no weights to put them on. "
                "Take the hooks off the prompt."
            )
        return replace(self.predict, network=self.repatch(patches))

    def with_option(self, option: "ModelOption") -> "DiffusionModel":
        return option.apply(self)

    def with_hooks(self, more: Hooks) -> "DiffusionModel":
        """The model with `more` beside the hooks it has."""
        return replace(self, hooks=self.hooks + more)


class ModelOption(Protocol):
    """One choice of how a model is sampled: a frozen value that a node adds to a MODEL link.

    Options act in the order in which they were added; each sees what the ones before it made.
    """

    def apply(self, model: DiffusionModel) -> DiffusionModel: ...


@dataclass(frozen=True, slots=True)
class NetworkPredict:
    """A network as a predictor of x0: scaled input and timestep in, clean prediction out."""

    network: Network
    sampling: ModelSampling

    def __call__(
        self, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs = NO_INPUTS
    ) -> Tensor:
        output = self.network(
            self.sampling.network_input(x, sigma),
            self.sampling.levels.timestep(sigma),
            context,
            y=inputs.y,
            concat=inputs.concat,
            control=inputs.control,
            patches=inputs.placed,
        )
        return self.sampling.denoised(x, output.float(), sigma)


def network_model(network: Network) -> DiffusionModel:
    """`network` with the noise levels, the latents and the inputs of its family."""
    sampling = family_sampling(network.trained)
    return DiffusionModel(
        NetworkPredict(network, sampling),
        sampling,
        family_format(network.trained),
        network.context_width,
        adm=family_adm(network.trained),
        concat=family_concat(network.trained),
    )
