"""Where each network lives and what it computes in: the one place that decides, by device.

Weights of a network may rest in another place or type than it computes with; ``streaming.py``
then brings them over layer by layer.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.tuning import has_bf16_units
from engine.weights.wishes import Wishes

_CPU = torch.device("cpu")
_TYPES: dict[str, torch.dtype] = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8_e4m3fn": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}
# Channels of the widest level from which on a processor's bfloat16 pays.
_LARGE = 512
EIGHT_BITS = (torch.float8_e4m3fn, torch.float8_e5m2)


@dataclass(frozen=True, slots=True)
class Choice:
    """How one network lives.

    Attributes:
        device: where it computes.
        dtype: what it computes in.
        stored: what its weight matrices are kept in.
        home: where they rest between calls.
        ahead: whether the next weights are fetched while the ones before them are used.
        channels_last: how convolutions and their inputs lie in memory.
        upcast_attention: whether attention is computed in float32.
    """

    device: torch.device
    dtype: torch.dtype
    stored: torch.dtype
    home: torch.device
    ahead: bool = True
    channels_last: bool = True
    upcast_attention: bool = False

    @property
    def streams(self) -> bool:
        """Whether weights have to be brought over for each call."""
        return self.home != self.device or self.stored != self.dtype

    @property
    def memory_format(self) -> torch.memory_format:
        """Of tensors [B, C, H, W]."""
        return torch.channels_last if self.channels_last else torch.contiguous_format


@dataclass(frozen=True, slots=True)
class Choices:
    """Decides for a worker with one ``device`` what ``wishes`` leave open."""

    device: torch.device = _CPU
    wishes: Wishes = field(default_factory=Wishes)

    def of(
        self,
        config: Config,
        *,
        stored: Literal["", "fp8_e4m3fn", "fp8_e5m2"] = "",
        on_cpu: bool = False,
        fits: bool = True,
    ) -> Choice:
        """How the network that ``config`` describes lives.

        Args:
            stored: what a node asks its weights to be kept in.
            on_cpu: a node asks for it to stay off the GPU.
            fits: whether its weights and its work fit the device together.
        """
        kind = type(config)
        device = _CPU if on_cpu or self._kept_off(kind) else self.device
        dtype = self._computes_in(kind, device, large=_is_large(config))
        kept = _TYPES[stored] if stored else self._kept_in(kind, device, dtype)
        memory = self.wishes.memory
        roams = memory in {"low", "none"} or (not fits and memory == "normal")
        return Choice(
            device=device,
            dtype=dtype,
            stored=kept,
            home=_CPU if roams else device,
            ahead=memory != "none",
            upcast_attention=self.wishes.attention == "upcast",
        )

    @property
    def facts(self) -> dict[str, str]:
        """What a picture depends on, for its metadata and for the keys of kept results."""
        parts: dict[str, type[Config]] = {"unet": UnetConfig, "vae": VaeConfig, "text": TextConfig}
        found = {"device": self.device.type}
        for name, kind in parts.items():
            device = _CPU if self._kept_off(kind) else self.device
            dtype = self._computes_in(kind, device, large=True)
            small = self._computes_in(kind, device, large=False)
            kept = self._kept_in(kind, device, dtype)
            shown = [_short(dtype), *([f"from {_short(kept)}"] if kept != dtype else [])]
            shown += [f"(small networks {_short(small)})"] if small != dtype else []
            found[name] = " ".join(shown)
        return found

    def _kept_off(self, kind: type[Config]) -> bool:
        return kind is VaeConfig and self.wishes.vae_place == "cpu"

    def _computes_in(self, kind: type[Config], device: torch.device, *, large: bool) -> torch.dtype:
        if kind is TextConfig:
            # A prompt is encoded once and costs little, and all steps depend on it.
            return torch.float32
        wanted = self.wishes.unet if kind is UnetConfig else self.wishes.vae
        if wanted is not None and _TYPES[wanted] not in EIGHT_BITS:
            return _TYPES[wanted]
        if self.wishes.force is not None:
            return _TYPES[self.wishes.force]
        return _automatic(kind, device, large=large)

    def _kept_in(self, kind: type[Config], device: torch.device, dtype: torch.dtype) -> torch.dtype:
        if kind is TextConfig:
            wanted = self.wishes.text or self.wishes.force
            if wanted is not None:
                return _TYPES[wanted]
            return torch.float16 if device.type == "cuda" else dtype
        asked = self.wishes.unet if kind is UnetConfig else None
        return _TYPES[asked] if asked and _TYPES[asked] in EIGHT_BITS else dtype


def _is_large(config: Config) -> bool:
    """Whether a network is of the usual size: small ones spend their time elsewhere."""
    return isinstance(config, TextConfig) or max(config.widths) >= _LARGE


def _automatic(kind: type[Config], device: torch.device, *, large: bool) -> torch.dtype:
    """What a UNet or a VAE computes in when nobody asks for anything."""
    if device.type != "cuda":
        return torch.bfloat16 if large and has_bf16_units() else torch.float32
    if kind is UnetConfig:
        return torch.float16
    # The SDXL VAE leaves the range of float16; bfloat16 has the range of float32.
    half = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if half else torch.float32


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
