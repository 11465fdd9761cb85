"""The toy model of the sampling vectors: the exact denoiser of a Gaussian mixture, as their
manifest says.

Not a mock: it stands where a network stands, and its clean predictions are known in closed form.
"""

import ast
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.sampling.continuous_levels import Continuous, Cosine
from engine.sampling.flow_levels import Flow, Flux
from engine.sampling.inputs import NO_INPUTS, Control, Inputs
from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.levels import Discrete
from engine.sampling.model import DiffusionModel, NetworkPredict
from engine.sampling.model_sampling import ModelSampling
from engine.weights.sites import Call as Sites
from engine.weights.sites import Patches
from engine.weights.trained import Trained
from tests.engine.sampling.golden import golden_tensors

IDENTITY = LatentFormat("identity", 4, rgb=((0.0, 0.0, 0.0),) * 4)

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
    "cosmos": ModelSampling(Continuous(0.002, 80.0, "cosmos"), "cosmos", 0.5),
    "cascade": ModelSampling(Cosine(2.0)),
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


# What a toy was asked: sigma (or timestep) of the first item, shape, and which prompts it was asked
# for (0 positive, 1 negative, ...) when whoever called said so.
Call = tuple[float, list[int], list[int] | None]
Calls = list[Call]


def _call(at: Tensor, x: Tensor, asked: Sites | None) -> Call:
    return float(at[0]), list(x.shape), None if asked is None else list(asked.cond_or_uncond)


@dataclass
class DirectToy:
    """Called with the sigma that the sampler asked for. `calls`: what it was asked."""

    flow: bool
    calls: Calls

    def __call__(
        self, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs = NO_INPUTS
    ) -> Tensor:
        self.calls.append(_call(sigma, x, inputs.call))
        alpha = 1 - sigma.double() if self.flow else torch.ones_like(sigma)
        return toy_x0(x, alpha, sigma, context) + _total(inputs.control, x)


def _total(control: Control | None, like: Tensor) -> Tensor:
    """The sum of all that control nets give."""
    given = [t for tensors in (control or {}).values() for t in tensors if t is not None]
    return sum(given, torch.zeros_like(like))


@dataclass
class NetworkToy:
    """The toy as a network: it is given scaled input and a timestep. `calls` are the timesteps."""

    sampling: ModelSampling
    calls: Calls
    trained: Trained = field(default_factory=Trained)
    context_width: int = 2

    def __call__(
        self,
        x: Tensor,
        timestep: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        concat: Tensor | None = None,
        control: Control | None = None,
        patches: Patches | None = None,
    ) -> Tensor:
        self.calls.append(_call(timestep, x, patches and patches.call))
        sampling, sd = self.sampling, self.sampling.sigma_data
        # A flow network is told the sigma itself, in its own unit.
        levels: Any = sampling.levels
        sigma: Tensor = timestep / levels.multiplier if sampling.flow else levels.sigma(timestep)
        s = sigma.view(-1, 1, 1, 1)
        X = x if sampling.flow else x * (s**2 + sd**2).sqrt()
        alpha = 1 - sigma.double() if sampling.flow else torch.ones_like(sigma)
        out = self._output(X, toy_x0(X.float(), alpha, sigma, context), s)
        if concat is not None:
            mask, picture = concat[:, :1], concat[:, 1:]
            out = out * (0.75 + 0.25 * mask) + 0.05 * picture
        if y is not None:
            out = out + 0.01 * y.mean(1).view(-1, 1, 1, 1)
        return out + _total(control, out)

    def _output(self, X: Tensor, D: Tensor, s: Tensor) -> Tensor:
        """What the network says where the clean prediction is `D`."""
        sd = self.sampling.sigma_data
        root = (s**2 + sd**2).sqrt()
        skip = X * sd**2 / root**2
        if self.sampling.prediction == "v":
            return (skip - D) * root / (s * sd)
        if self.sampling.prediction == "edm":
            return (D - skip) * root / (s * sd)
        return (X - D) / s


@dataclass(frozen=True, slots=True)
class WatchedPredict(NetworkPredict):
    """The way to a network; `calls`: what it was asked."""

    calls: Calls = field(default_factory=list)

    def __call__(
        self, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs = NO_INPUTS
    ) -> Tensor:
        self.calls.append(_call(sigma, x, inputs.call))
        return NetworkPredict.__call__(self, x, sigma, context, inputs)


def toy_model(kind: str, format_name: str = "identity", *, direct: bool = True) -> DiffusionModel:
    """The toy of a kind of the manifest."""
    sampling = MODEL_KINDS[kind]
    form = IDENTITY if format_name == "identity" else latent_format(format_name)
    if direct:
        return DiffusionModel(DirectToy(sampling.flow, []), sampling, form, context_width=2)
    predict = WatchedPredict(NetworkToy(sampling, []), sampling)
    return DiffusionModel(predict, sampling, form, context_width=2)


def calls_of(*models: DiffusionModel) -> Calls:
    """What `toy_model` was asked so far, with the sigmas that samplers asked for."""
    return [call for model in models for call in _watched(model).calls]


def network_calls_of(*models: DiffusionModel) -> Calls:
    """What the networks inside `toy_model` were asked, with the timesteps that they were told."""
    predicts = [_watched(model) for model in models]
    return [c for p in predicts if isinstance(p, WatchedPredict) for c in _network(p).calls]


def _watched(model: DiffusionModel) -> DirectToy | WatchedPredict:
    predict: Any = model.predict
    return predict


def _network(predict: WatchedPredict) -> NetworkToy:
    network: Any = predict.network
    return network


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
