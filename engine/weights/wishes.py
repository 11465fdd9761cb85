"""What the command line asks of networks: precision, memory, where the VAE runs. No torch.

``choices.py`` turns it into what each network gets on its device.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

Precision = Literal["fp32", "fp64", "fp16", "bf16"]
Stored = Literal["fp32", "fp16", "bf16", "fp8_e4m3fn", "fp8_e5m2"]
Memory = Literal["normal", "gpu_only", "high", "low", "none"]

# Flag to (field, value). Flags of one field exclude each other.
_FLAGS: Mapping[str, tuple[str, str]] = {
    "--force-fp32": ("force", "fp32"),
    "--force-fp16": ("force", "fp16"),
    "--fp32-unet": ("unet", "fp32"),
    "--fp64-unet": ("unet", "fp64"),
    "--bf16-unet": ("unet", "bf16"),
    "--fp16-unet": ("unet", "fp16"),
    "--fp8_e4m3fn-unet": ("unet", "fp8_e4m3fn"),
    "--fp8_e5m2-unet": ("unet", "fp8_e5m2"),
    "--fp16-vae": ("vae", "fp16"),
    "--fp32-vae": ("vae", "fp32"),
    "--bf16-vae": ("vae", "bf16"),
    "--fp8_e4m3fn-text-enc": ("text", "fp8_e4m3fn"),
    "--fp8_e5m2-text-enc": ("text", "fp8_e5m2"),
    "--fp16-text-enc": ("text", "fp16"),
    "--fp32-text-enc": ("text", "fp32"),
    "--bf16-text-enc": ("text", "bf16"),
    "--gpu-only": ("memory", "gpu_only"),
    "--highvram": ("memory", "high"),
    "--normalvram": ("memory", "normal"),
    "--lowvram": ("memory", "low"),
    "--novram": ("memory", "none"),
    "--force-upcast-attention": ("attention", "upcast"),
    "--dont-upcast-attention": ("attention", "plain"),
    "--cpu-vae": ("vae_place", "cpu"),
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """None, or the first of the choices, leaves a matter to the device.

    Attributes:
        force: the precision of every network that is not named by itself.
        unet: what the UNet computes in, or, for the 8-bit types, what its weights are kept in.
        vae: what the VAE computes in.
        text: what the weights of text encoders are kept in; they compute in float32.
        memory: "gpu_only" and "high" keep networks on the GPU, "low" and "none" bring weights there
            as they are needed, with and without the next ones ahead of time.
        attention: "upcast" computes attention in float32.
        vae_place: "cpu" keeps the VAE off the GPU.
        reserve: bytes of the GPU that are left to others.
    """

    force: Precision | None = None
    unet: Precision | Literal["fp8_e4m3fn", "fp8_e5m2"] | None = None
    vae: Precision | None = None
    text: Stored | None = None
    memory: Memory = "normal"
    attention: Literal["plain", "upcast"] = "plain"
    vae_place: Literal["device", "cpu"] = "device"
    reserve: int | None = None

    def flags(self) -> list[str]:
        """The command line that says the same."""
        said = {(one.name, getattr(self, one.name)) for one in fields(self)}
        defaults = {(one.name, one.default) for one in fields(self)}
        found = [flag for flag, means in _FLAGS.items() if means in said - defaults]
        if self.reserve is not None:
            found += ["--reserve-vram", repr(self.reserve / 2**30)]
        return found


def add_weights_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that ``wishes`` reads."""
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for flag, (name, value) in _FLAGS.items():
        if name not in groups:
            groups[name] = parser.add_mutually_exclusive_group()
        groups[name].add_argument(flag, dest=f"weights_{name}", action="store_const", const=value)
    parser.add_argument("--reserve-vram", type=_gigabytes, metavar="GB", dest="weights_reserve")


def wishes(given: argparse.Namespace) -> Wishes:
    """What the flags of ``add_weights_flags`` say."""
    named = {one.name: getattr(given, f"weights_{one.name}", None) for one in fields(Wishes)}
    return Wishes(**{name: value for name, value in named.items() if value is not None})


def _gigabytes(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 2**20:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of gigabytes")
    return int(value * 2**30)
