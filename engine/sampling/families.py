"""How a network of a family is sampled, from what its file says that it was trained to do."""

from engine.sampling.continuous_levels import Continuous
from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.levels import Discrete
from engine.sampling.model_sampling import EDM_SPREAD, ModelSampling
from engine.weights.trained import Trained


def family_sampling(trained: Trained) -> ModelSampling:
    """Noise levels and prediction of a network."""
    spread = EDM_SPREAD if trained.prediction == "edm" else 1.0
    if trained.sigmas is None:
        levels = Discrete(zero_terminal_snr=trained.zero_snr)
        return ModelSampling(levels, trained.prediction, spread)
    low, high = trained.sigmas
    return ModelSampling(Continuous(low, high), trained.prediction, spread)


def family_format(trained: Trained) -> LatentFormat:
    """The scale of its latents."""
    return latent_format(trained.latents)


def family_concat(trained: Trained) -> tuple[str, ...]:
    """What goes beside its latent. InstructPix2Pix is shown a picture as the VAE gives it, CosXL's
    editing model at the scale of its latents.
    """
    scaled = trained.sigmas is not None
    return tuple("scaled_image" if scaled and key == "image" else key for key in trained.concat)
