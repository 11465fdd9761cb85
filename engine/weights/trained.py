"""What a UNet was trained to do: the facts that sampling needs and shapes alone do not tell.

They are read off marks that a file carries (``checkpoint.py``); acting upon them is the sampling
package's business.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["sd1", "sd2", "sdxl", "sdxl_refiner"]

# How the families are called in sentences.
FAMILY_WORDS: dict[Family, str] = {
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "SDXL",
    "sdxl_refiner": "SDXL refiner",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """How a UNet is to be sampled.

    Attributes:
        prediction: what its output is: the noise ("eps"), the velocity ("v"), or the clean latent
            as EDM scales it ("edm").
        zero_snr: whether its last noise level is noise alone.
        sigmas: lowest and highest noise level where they are continuous; None for the 1000 levels
            of the DDPM table.
        latents: the name of its latent format, as in ``latent_formats.json``.
        concat: what follows the latent among its input channels, in order: "mask" (1 channel),
            "masked_image", "image" as it is on LATENT links or "scaled_image" (4 channels each).
        vector: length of the vector beside the text; 0 for none.
    """

    family: Family = "sd1"
    prediction: Literal["eps", "v", "edm"] = "eps"
    zero_snr: bool = False
    sigmas: tuple[float, float] | None = None
    latents: str = "SD15"
    concat: tuple[str, ...] = ()
    vector: int = 0
