"""Hypernetworks: small networks that change what attention's keys and values are made of.

Files are webui's `.pt`, read without running anything in them. Mathematics and defaults are those
of webui, which trains them; `Loader.ENGINE` follows the other reader where the two differ. Source:
the prompt specification, section 9. Putting them into a model's attention is not done here.
"""

import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.weights.handles import WeightsFile
from engine.weights.pickles import DAMAGE, inert

MAX_BYTES = 2 << 30

_OLD_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}
_KEY = re.compile(r"linear\.(\d+)\.(weight|bias)")
_WIDTHS = range(1, 1 << 14)

Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: Mapping[str, Activation] = {
    "celu": functional.celu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "hardshrink": functional.hardshrink,
    "hardsigmoid": functional.hardsigmoid,
    "hardswish": functional.hardswish,
    "hardtanh": functional.hardtanh,
    "leakyrelu": functional.leaky_relu,
    "logsigmoid": functional.logsigmoid,
    "mish": functional.mish,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "selu": functional.selu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "softshrink": functional.softshrink,
    "softsign": functional.softsign,
    "swish": functional.hardswish,
    "tanh": torch.tanh,
    "tanhshrink": functional.tanhshrink,
}


class HypernetworkError(ValueError):
    """A hypernetwork cannot be used. The text is a sentence for the person at the canvas."""


class Loader(Enum):
    """Whose reading of a file counts.

    The engine's refuses files that name no activation, takes a missing `activate_output` for no,
    and with layer norms activates the last linear layer too.
    """

    WEBUI = "webui"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A linear layer, or a layer norm where `weight` has one dimension; then an activation."""

    weight: Tensor
    bias: Tensor
    activation: Activation | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 1:
            x = functional.layer_norm(x, self.weight.shape, self.weight, self.bias)
        else:
            x = functional.linear(x, self.weight, self.bias)
        return x if self.activation is None else self.activation(x)


Module = tuple[Layer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Hypernetwork:
    """Modules for keys and for values, by the width of the context that they change."""

    name: str
    modules: Mapping[int, tuple[Module, Module]]

    def __call__(self, context: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """What keys and values are made of in place of `context` [..., C].

        `c + strength * K(c)` and `c + strength * V(c)`, computed in float32 and given in the type
        of `context`; `context` itself where there are no modules for its width.
        """
        return chained([(self, strength)], context)


def chained(
    networks: Sequence[tuple[Hypernetwork, float]], context: Tensor
) -> tuple[Tensor, Tensor]:
    """What keys and values are made of after several hypernetworks, each with its strength."""
    k = v = context.float()
    for network, strength in networks:
        if k.shape[-1] in network.modules:
            to_k, to_v = network.modules[k.shape[-1]]
            k, v = k + strength * _through(to_k, k), v + strength * _through(to_v, v)
    return k.to(context.dtype), v.to(context.dtype)


def read_hypernetwork(file: WeightsFile, loader: Loader = Loader.WEBUI) -> Hypernetwork:
    """The hypernetwork in `file`. Raises HypernetworkError when it cannot be used."""
    held = _held(file)
    name = str(held.get("activation_func") or "").lower()
    if loader is Loader.ENGINE and not name:
        raise HypernetworkError(f"The hypernetwork {file.name} names no activation function.")
    if name in ("", "linear"):
        activation = None
    elif name in ACTIVATIONS:
        activation = ACTIVATIONS[name]
    else:
        raise HypernetworkError(
            f"The hypernetwork {file.name} uses the activation function {name[:40]!r}, which is "
            f"not known. Known are: linear, {', '.join(ACTIVATIONS)}."
        )
    normed = bool(held.get("is_layer_norm", False))
    last = bool(held.get("activate_output", loader is Loader.WEBUI))
    last = last or (loader is Loader.ENGINE and normed)
    modules = {}
    for width, pair in held.items():
        if isinstance(width, int) and width in _WIDTHS:
            modules[width] = _pair(file.name, width, pair, activation, last)
    if not modules:
        raise HypernetworkError(
            f"{file.name} holds no modules of a hypernetwork; it is a file of another kind."
        )
    return Hypernetwork(Path(file.name).stem, modules)


def _held(file: WeightsFile) -> Mapping[Any, Any]:
    if file.size > MAX_BYTES:
        raise HypernetworkError(f"{file.name} is too large to be a hypernetwork.")
    try:
        with Path(file.path).open("rb") as stream, inert():
            held = torch.load(stream, map_location="cpu", weights_only=True)
    except (*DAMAGE, pickle.UnpicklingError) as error:
        raise HypernetworkError(
            f"The hypernetwork {file.name} cannot be read: it is damaged, or holds code besides "
            "its weights. Download it again."
        ) from error
    if not isinstance(held, Mapping):
        raise HypernetworkError(f"{file.name} is not a hypernetwork.")
    return held


def _pair(
    name: str, width: int, pair: object, activation: Activation | None, last: bool
) -> tuple[Module, Module]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise _broken(name, width)
    k, v = (_module(name, width, state, activation, last) for state in pair)
    return k, v


def _module(
    name: str, width: int, state: object, activation: Activation | None, last: bool
) -> Module:
    """The layers in the order of their numbers; a gap in these is an activation or a dropout."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items() if isinstance(state, Mapping) else ():
        old = str(key).partition(".")[0]
        match = _KEY.fullmatch(str(key).replace(old, _OLD_NAMES.get(old, old), 1))
        if match and isinstance(value, Tensor):
            found.setdefault(int(match[1]), {})[match[2]] = value.detach().float()
    order = [found[number] for number in sorted(found)]
    if not order or any(one.keys() != {"weight", "bias"} for one in order):
        raise _broken(name, width)
    linears = [number for number, one in enumerate(order) if one["weight"].ndim == 2]
    layers = []
    for number, one in enumerate(order):
        acts = number in linears and (number != linears[-1] or last)
        layers.append(Layer(one["weight"], one["bias"], activation if acts else None))
    _check(name, width, layers)
    return tuple(layers)


def _check(name: str, width: int, layers: Sequence[Layer]) -> None:
    now = width
    for layer in layers:
        if layer.weight.ndim not in (1, 2) or layer.weight.shape[-1] != now:
            raise _broken(name, width)
        now = layer.weight.shape[0]
        if layer.bias.shape != (now,):
            raise _broken(name, width)
        if not (torch.isfinite(layer.weight).all() and torch.isfinite(layer.bias).all()):
            raise HypernetworkError(
                f"The hypernetwork {name} holds numbers that are not finite; its training failed, "
                "or it is damaged."
            )
    if now != width:
        raise _broken(name, width)


def _broken(name: str, width: int) -> HypernetworkError:
    return HypernetworkError(
        f"The hypernetwork {name} has modules for width {width} that do not fit together; the file "
        "is damaged."
    )


def _through(module: Module, x: Tensor) -> Tensor:
    for layer in module:
        x = layer(x)
    return x
