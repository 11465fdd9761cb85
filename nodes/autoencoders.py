"""The autoencoder on a VAE link, ready to encode and decode."""

from engine.graph.run import Run
from engine.weights.autoencoder import Autoencoder
from engine.weights.handles import Vae
from engine.weights.residency import Residency


def autoencoder(vae: Vae | Autoencoder, run: Run) -> Autoencoder:
    """A handle's network, loaded; anything else on the link is taken as it is.

    Raises WeightsError for a file that cannot be used.
    """
    if isinstance(vae, Vae):
        return run.service(Residency).vae(vae, run.check)
    return vae
