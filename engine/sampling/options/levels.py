"""Options of a MODEL link that give a network other noise levels, or read its output otherwise.

Each is a frozen value that a node adds to the link (`ModelOption`). The network stays the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.sampling.continuous_levels import Continuous, Cosine
from engine.sampling.flow_levels import Flow, Flux
from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.levels import Discrete, Distilled
from engine.sampling.model import DiffusionModel, NetworkPredict
from engine.sampling.model_sampling import EDM_SPREAD, ModelSampling
from engine.sampling.policy import NoiseProfile

# What the menus of the nodes call predictions, in their order.
DISCRETE_PREDICTIONS: Mapping[str, str] = {
    "eps": "eps",
    "v_prediction": "v",
    "lcm": "lcm",
    "x0": "x0",
    "img_to_img": "img_to_img",
}
EDM_PREDICTIONS: Mapping[str, str] = {
    "v_prediction": "v",
    "edm": "edm",
    "edm_playground_v2.5": "edm",
    "eps": "eps",
    "cosmos_rflow": "cosmos",
}
_PLAYGROUND = "edm_playground_v2.5"
# Beyond this all levels but the last are the same float32.
_FURTHEST_MU = 80.0


def with_sampling(
    model: DiffusionModel, sampling: ModelSampling, format: LatentFormat | None = None
) -> DiffusionModel:
    """`model` with other noise levels and prediction, and perhaps another latent format."""
    predict = model.predict
    if isinstance(predict, NetworkPredict):
        predict = replace(predict, sampling=sampling)
    return replace(model, predict=predict, sampling=sampling, format=format or model.format)


@dataclass(frozen=True, slots=True)
class DiscreteSampling:
    """The DDPM table of the model's family. `prediction` is a key of `DISCRETE_PREDICTIONS`."""

    prediction: str
    zero_terminal_snr: bool = False

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        own = model.sampling.levels
        family = own.whole if isinstance(own, Distilled) else own
        whole = family if isinstance(family, Discrete) else Discrete()
        whole = replace(whole, zero_terminal_snr=self.zero_terminal_snr)
        levels = Distilled(whole) if self.prediction == "lcm" else whole
        prediction = DISCRETE_PREDICTIONS[self.prediction]
        return with_sampling(model, ModelSampling(levels, prediction))


@dataclass(frozen=True, slots=True)
class EdmSampling:
    """Any sigma between two ends. `prediction` is a key of `EDM_PREDICTIONS`.

    Raises ValueError unless 0 < low < high.
    """

    prediction: str
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        kind = EDM_PREDICTIONS[self.prediction]
        levels = Continuous(self.low, self.high, "cosmos" if kind == "cosmos" else "edm")
        spread = EDM_SPREAD if kind == "edm" else 1.0
        format = latent_format("SDXL_Playground_2_5") if self.prediction == _PLAYGROUND else None
        return with_sampling(model, ModelSampling(levels, kind, spread), format)


@dataclass(frozen=True, slots=True)
class ContinuousVSampling:
    """Velocity, told as an angle. Raises ValueError unless 0 < low < high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high)

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return with_sampling(model, ModelSampling(Continuous(self.low, self.high, "v"), "v"))


@dataclass(frozen=True, slots=True)
class FlowSampling:
    """Rectified flow with a shift. Raises ValueError for a shift of 0."""

    shift: float
    multiplier: float

    def __post_init__(self) -> None:
        _check_shift(self.shift)

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return with_sampling(model, ModelSampling(Flow(self.shift, self.multiplier), "flow"))


@dataclass(frozen=True, slots=True)
class FluxSampling:
    """Rectified flow with a shift that is exponential in `mu`. Raises ValueError for one that is
    too far from 0 for that.
    """

    mu: float

    def __post_init__(self) -> None:
        if abs(self.mu) > _FURTHEST_MU:
            raise ValueError(
                f"The shift for this size is {self.mu:,.0f}, at which no picture is left. Choose "
                "a smaller size, or shifts near the defaults, 1.15 and 0.5."
            )

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return with_sampling(model, ModelSampling(Flux(self.mu), "flow"))


@dataclass(frozen=True, slots=True)
class CascadeSampling:
    """The cosine schedule with a shift. Raises ValueError for a shift of 0."""

    shift: float

    def __post_init__(self) -> None:
        _check_shift(self.shift)

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return with_sampling(model, ModelSampling(Cosine(self.shift)))


@dataclass(frozen=True, slots=True)
class NoiseHabit:
    """How noise is drawn for a model, whatever the worker does for others."""

    profile: NoiseProfile

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return replace(model, profile=self.profile)


def flux_mu(max_shift: float, base_shift: float, width: int, height: int) -> float:
    """The shift for a picture of so many pixels: `base_shift` at 256 tokens, `max_shift` at 4096.

    A token is 16 pixels wide and high.
    """
    slope = (max_shift - base_shift) / (4096 - 256)
    return (width * height / 256) * slope + base_shift - 256 * slope


def _check_ends(low: float, high: float) -> None:
    if not 0 < low < high:
        raise ValueError(
            f"sigma_min is {low:g} and sigma_max is {high:g}: sigma_min has to be above 0 and "
            "sigma_max above it."
        )


def _check_shift(shift: float) -> None:
    if shift <= 0:
        raise ValueError(f"The shift is {shift:g} and has to be above 0; 1 shifts nothing.")
