"""What the command line says of all sampling in a worker. Nodes and prompts may say otherwise.

No torch: the server reads these flags, too, and hands them to its workers.
"""

import argparse
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

PreviewMethod = Literal["none", "auto", "latent2rgb", "taesd"]
PREVIEW_METHODS: tuple[PreviewMethod, ...] = get_args(PreviewMethod)
# Pixels of a preview's longer side.
_SMALLEST, _LARGEST = 16, 4096


class NoiseProfile(StrEnum):
    """Whose habit is followed where programs and releases draw differently.

    `current`: ComfyUI since 0.3.75. A batch starts from one draw of the whole batch on the CPU.
    Steps draw on the device; on a CPU their generator is seeded with the seed after the run's.

    `0.3`: ComfyUI up to 0.3.74. A CPU's steps use the run's own seed, so the first of them repeats
    the noise that the run starts from; and sa_solver leaves its last move out where noise is left.

    `a1111`: AUTOMATIC1111's web UI with its default settings. Picture i of a batch has the seed
    seed + i and a generator of its own, from which its start and its steps are drawn one after the
    other; the numbers are those of an Nvidia GPU, whatever the device. Brownian paths are one for
    each picture, on the device.

    `diffusers`: its pipelines with a CPU generator. Steps draw on where the noise that the run
    starts from ended, on the CPU whatever the device; so do the samplers dpmpp_2m_sde and
    dpmpp_3m_sde, which elsewhere take a Brownian path.
    """

    CURRENT = "current"
    V0_3 = "0.3"
    A1111 = "a1111"
    DIFFUSERS = "diffusers"


@dataclass(frozen=True, slots=True)
class SamplingPolicy:
    """Choices that hold unless a node or a prompt makes its own.

    Attributes:
        profile: whose habits of drawing noise are followed.
        preview_method: how a latent is shown while it is sampled. "latent2rgb" is quick and needs
            no file, "taesd" is sharper and needs one; "auto" is the quick one.
        preview_size: pixels of a preview's longer side.
    """

    profile: NoiseProfile = NoiseProfile.CURRENT
    preview_method: PreviewMethod = "none"
    preview_size: int = 512

    @property
    def facts(self) -> dict[str, str]:
        """What a picture depends on, for its metadata and for the keys of kept results."""
        return {"noise_profile": self.profile.value}

    def flags(self) -> list[str]:
        """The command line that says so."""
        return [
            *("--noise-profile", self.profile.value),
            *("--preview-method", self.preview_method),
            *("--preview-size", str(self.preview_size)),
        ]


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` the flags that ``sampling_policy`` reads."""
    parser.add_argument(
        "--noise-profile",
        choices=[profile.value for profile in NoiseProfile],
        default=NoiseProfile.CURRENT.value,
        help="whose random numbers a seed gives: this engine's, an older one's, another program's",
    )
    parser.add_argument(
        "--preview-method",
        choices=PREVIEW_METHODS,
        default="none",
        help="show pictures while they are sampled (taesd: with the decoders in vae_approx)",
    )
    parser.add_argument(
        "--preview-size",
        type=_pixels,
        default=512,
        metavar="PIXELS",
        help="of a preview's longer side (default: 512)",
    )


def sampling_policy(options: argparse.Namespace) -> SamplingPolicy:
    """What the parsed flags ask for."""
    profile = NoiseProfile(options.noise_profile)
    return SamplingPolicy(profile, options.preview_method, options.preview_size)


def _pixels(text: str) -> int:
    if not text.isdecimal() or not _SMALLEST <= int(text) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from {_SMALLEST} to {_LARGEST}")
    return int(text)
