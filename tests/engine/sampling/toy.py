"""The toy model of the sampling vectors: the exact denoiser of a Gaussian mixture, as their
manifest says.

Not a mock: it stands where a network stands, and its clean predictions are known in closed form.
"""

import ast
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.levels import Continuous, Discrete, Flow, Flux
from engine.sampling.model import DiffusionModel, NetworkPredict
from engine.sampling.model_sampling import ModelSampling
from tests.engine.sampling.golden import golden_tensors

IDENTITY = LatentFormat("identity", 4, 1.0, 0.0, ((0.0, 0.0, 0.0),) * 4, (0.0, 0.0, 0.0))

MODEL_KINDS = {
    "sd1": ModelSampling(),
    "sdxl": ModelSampling(),
    "v": ModelSampling(Discrete(), "v"),
    "vz": ModelSampling(Discrete(zero_terminal_snr=True), "v"),
    "pixart": ModelSampling(Discrete(0.0001, 0.02, spacing="linear")),
    "hydit": ModelSampling(Discrete(0.00085, 0.018), "v"),
    "hydit1": ModelSampling(Discrete(0.00085, 0.03), "v"),
    "x4": ModelSampling(Discrete(0.0001, 0.02), "v"),
    "flow3": ModelSampling(Flow(3.0), "flow"),
    "flux": ModelSampling(Flux(), "flow"),
    "schnell": ModelSampling(Flow(1.0, 1.0), "flow"),
    "aura": ModelSampling(Flow(1.73, 1.0), "flow"),
    "edm": ModelSampling(Continuous(0.002, 80.0), "edm", 0.5),
    "v_edm": ModelSampling(Continuous(0.002, 700.0), "v"),
    "v_cont": ModelSampling(Continuous(0.03, 500.0, "v"), "v"),
}

# The mixture: weights, spreads, amplitudes and phases of its three parts; frequencies along C, H,
# W.
WEIGHTS, SPREADS = (0.5, 0.3, 0.2), (0.8, 0.5, 0.65)
AMPLITUDES, PHASES = (0.9, 0.5, 1.3), (0.0, 2.0, 4.0)
FREQUENCIES = (0.8, 0.6, 0.4)


def toy_x0(x: Tensor, alpha: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
    """The posterior mean of the clean latent given x = alpha x0 + sigma noise; alpha, sigma [B]."""
    wide, (channels, height, width) = x.double(), x.shape[1:]
    shape = (-1, 1, 1, 1)
    alpha, sigma = alpha.double().view(shape), sigma.double().view(shape)
    u = context.double().mean(1)
    amplitude, phase = u[:, 0].view(shape), u[:, 1].view(shape)
    grid = (
        FREQUENCIES[0] * torch.arange(channels, dtype=torch.float64)[:, None, None]
        + FREQUENCIES[1] * torch.arange(height, dtype=torch.float64)[:, None]
        + FREQUENCIES[2] * torch.arange(width, dtype=torch.float64)
    )
    likelihoods, means = [], []
    for w, s, A, P in zip(WEIGHTS, SPREADS, AMPLITUDES, PHASES, strict=True):
        mu = A * amplitude * torch.cos(grid + P + phase)
        variance = alpha**2 * s**2 + sigma**2
        off = wide - alpha * mu
        distance = (off**2).sum(1, keepdim=True) / (2 * variance)
        likelihoods.append(math.log(w) - channels / 2 * variance.log() - distance)
        means.append(mu + alpha * s**2 / variance * off)
    share = torch.stack(likelihoods).softmax(0)
    return (share * torch.stack(means)).sum(0).float()


@dataclass
class DirectToy:
    """Called with the sigma that the sampler asked for. `calls`: sigmas and shapes it saw."""

    flow: bool
    calls: list[tuple[float, list[int]]]

    def __call__(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        self.calls.append((float(sigma[0]), list(x.shape)))
        alpha = 1 - sigma if self.flow else torch.ones_like(sigma)
        return toy_x0(x, alpha, sigma, context)


@dataclass
class NetworkToy:
    """The toy as a network: it is given scaled input and a timestep. `calls` are the timesteps."""

    sampling: ModelSampling
    calls: list[tuple[float, list[int]]]
    prediction: str = "eps"
    context_width: int = 2

    def __call__(self, x: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
        self.calls.append((float(timestep[0]), list(x.shape)))
        sampling, sd = self.sampling, self.sampling.sigma_data
        # A flow network is told the sigma itself, in its own unit.
        levels: Any = sampling.levels
        sigma: Tensor = timestep / levels.multiplier if sampling.flow else levels.sigma(timestep)
        s = sigma.view(-1, 1, 1, 1)
        root = (s**2 + sd**2).sqrt()
        X = x if sampling.flow else x * root
        alpha = 1 - sigma if sampling.flow else torch.ones_like(sigma)
        D = toy_x0(X.float(), alpha, sigma, context)
        skip = X * sd**2 / root**2
        if sampling.prediction == "v":
            return (skip - D) * root / (s * sd)
        if sampling.prediction == "edm":
            return (D - skip) * root / (s * sd)
        return (X - D) / s


def toy_model(kind: str, format_name: str = "identity", *, direct: bool = True) -> DiffusionModel:
    """The toy of a kind of the manifest; its calls are in `.predict` (direct) or
    `.predict.network`.
    """
    sampling = MODEL_KINDS[kind]
    form = IDENTITY if format_name == "identity" else latent_format(format_name)
    if direct:
        return DiffusionModel(DirectToy(sampling.flow, []), sampling, form, context_width=2)
    predict = NetworkPredict(NetworkToy(sampling, []), sampling)
    return DiffusionModel(predict, sampling, form, context_width=2)


def calls_of(model: DiffusionModel) -> list[tuple[float, list[int]]]:
    """What `toy_model` was asked so far."""
    predict: Any = model.predict
    toy: DirectToy | NetworkToy = getattr(predict, "network", predict)
    return toy.calls


def conditioning(tokens: Any) -> list[Any]:
    """A CONDITIONING of one entry: `tokens` [T][2] or [B][T][2] of (amplitude, phase)."""
    tensor = torch.tensor(tokens, dtype=torch.float32)
    return [[tensor if tensor.ndim == 3 else tensor[None], {}]]


POSITIVE = conditioning([[1.0, 0.3], [1.0, 0.3]])
NEGATIVE = conditioning([[0.8, -0.5], [0.8, -0.5]])


def toy_latent(key: str) -> Tensor:
    """ "zeros:[shape]", or a key of the vectors' inputs file, with or without "inputs/"."""
    if key.startswith("zeros:"):
        return torch.zeros(ast.literal_eval(key.removeprefix("zeros:")))
    return golden_tensors("sampling", "inputs.safetensors")[key.removeprefix("inputs/")]
