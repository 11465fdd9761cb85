"""Pictures of work in progress, for nodes that sample."""

import time
from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from engine.graph.run import Preview, Run
from engine.sampling.latent_format import LatentFormat
from engine.sampling.policy import PREVIEW_METHODS, SamplingPolicy
from engine.sampling.preview import jpeg, latent_to_rgb, to_bytes
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.residency import Residency
from engine.weights.taesd import taesd_decoder

# A preview is followed by at least so many times the time that it took without one.
_REST = 100

# A clean prediction, [1, C, h, w] in model space, to uint8 [h, w, 3].
Draw = Callable[[Tensor], Tensor]


class Previews:
    """What a sampling node shows of latents of one format while it runs."""

    def __init__(self, format: LatentFormat, run: Run) -> None:
        self._format = format
        self._run = run
        self._policy = run.service(SamplingPolicy)
        self._next = 0.0

    def of(self, x0: Tensor) -> Preview | None:
        """A picture of the first item of `x0` [B, C, h, w], unless nobody wants one by now."""
        started = time.perf_counter()
        if not self._run.wants_preview or started < self._next or self._draw is None:
            return None
        found = Preview(jpeg(self._draw(x0[:1]), self._policy.preview_size))
        ended = time.perf_counter()
        self._next = ended + _REST * (ended - started)
        return found

    @cached_property
    def _draw(self) -> Draw | None:
        """How latents become pictures; None when nobody knows the colours of this format."""
        if self._method == "taesd" and (decoded := self._taesd()) is not None:
            return decoded
        return (lambda x0: latent_to_rgb(x0, self._format)) if self._format.rgb else None

    @property
    def _method(self) -> str:
        """The prompt's own choice, or else the worker's."""
        asked = self._run.extra.get("preview_method")
        return asked if asked in PREVIEW_METHODS else self._policy.preview_method

    def _taesd(self) -> Draw | None:
        """The small decoder, if its file is there and sound; if not, that is said on the node."""
        name, run = self._format.taesd, self._run
        found = [file for file in run.folders.names("vae_approx") if file.startswith(name)]
        if not name or not found:
            wanted = (
                f"the file {name} in models/vae_approx" if name else "a decoder, which it lacks"
            )
            run.show(
                "warnings", [f"TAESD previews of this model need {wanted}; colours are rough."]
            )
            return None
        file = WeightsFile.of(run.folders.find("vae_approx", found[0]))
        device = run.service(Residency).device
        try:
            decode = taesd_decoder(file, self._format.channels, device)
        except WeightsError as error:
            run.show("warnings", [f"{error} Previews show rough colours instead."])
            return None
        return lambda x0: to_bytes(decode(x0)[0].movedim(0, -1))
