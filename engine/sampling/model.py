"""What can be sampled: a predictor of clean latents with its noise levels and latent format.

`DiffusionModel` is what the rest of this package works on; `network_model` makes one from a UNet.
Loading networks and patching them is the weights package's business.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.model_sampling import PREDICTIONS, ModelSampling


class Network(Protocol):
    """A UNet as it was trained."""

    @property
    def prediction(self) -> str:
        """What its output means: "eps" or "v"."""
        ...

    @property
    def context_width(self) -> int: ...

    def __call__(self, x: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
        """float32 [B, 4, h, w], [B] and [B, T, context_width] to float32 [B, 4, h, w]."""
        ...


class Predict(Protocol):
    """A model as a predictor of x0: all that guidance and samplers ever call."""

    def __call__(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        """`x` float32 [B, C, h, w], `sigma` float32 [B], `context` float32 [B, T, D] to x0, like
        `x`.
        """
        ...


@dataclass(frozen=True, slots=True)
class DiffusionModel:
    """A predictor, the tables of its family, and the width of the prompts it takes."""

    predict: Predict
    sampling: ModelSampling
    format: LatentFormat
    context_width: int

    def with_option(self, option: "ModelOption") -> "DiffusionModel":
        return option.apply(self)


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

    def __call__(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        timestep = self.sampling.levels.timestep(sigma)
        output = self.network(self.sampling.network_input(x, sigma), timestep, context)
        return self.sampling.denoised(x, output.float(), sigma)


def network_model(network: Network) -> DiffusionModel:
    """The SD1 family: the DDPM table and SD1 latents around `network`.

    Raises ValueError when the network says it predicts something unknown.
    """
    if network.prediction not in PREDICTIONS:
        raise ValueError(
            f'This model predicts "{network.prediction}", which the sampler does not know. '
            f"It knows: {', '.join(PREDICTIONS)}."
        )
    sampling = ModelSampling(prediction=network.prediction)
    return DiffusionModel(
        NetworkPredict(network, sampling),
        sampling,
        latent_format("SD15"),
        network.context_width,
    )
