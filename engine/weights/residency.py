"""The one owner of live networks: handles in, callable networks out.

Which of them are in memory is in ``residents.py``; how patches get into them, in ``baking.py``;
what they compute in and where, in ``choices.py``.
"""

from dataclasses import replace

import torch

from engine.weights.autoencoder import Autoencoder, VaeCodec
from engine.weights.calls import TextEncoder, UNet
from engine.weights.cancel import Check, no_check
from engine.weights.choices import Choice, Choices
from engine.weights.configs import Config, TextConfig
from engine.weights.handles import Clip, Model, Vae
from engine.weights.ledger import Patches
from engine.weights.loan import Loan
from engine.weights.part import Part
from engine.weights.patching import Patcher
from engine.weights.residents import Counters, Residents
from engine.weights.resolve import texts_of, unet_of, vae_of


class Residency:
    """Keeps networks in memory, patched as they were last asked for.

    One lock guards everything, and a network is lent under it, so calls from several threads run
    one after the other and each sees its own patches.

    Whoever asks for a network may give a ``check``: it is called between the tensors that are
    loaded or baked, before each call of the UNet and before each layer of the others, also when the
    network is called later. What it raises passes through; a load that it ended is forgotten, and a
    bake that it ended is completed by the next one.
    """

    def __init__(self, choices: Choices, patcher: Patcher, budget: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            choices: on which device networks live, and how.
            patcher: applies LoRA files, ``engine.lora.LoraPatcher()``.
            budget: bytes of weights to keep on a device when another network is needed. By default
                half of main memory, and of a GPU all but what is reserved. One network is always
                kept.
        """
        self._choices = choices
        self._residents = Residents(patcher, choices.wishes, budget)

    @property
    def device(self) -> torch.device:
        """Where networks compute; what is sampled with them belongs there, too."""
        return self._choices.device

    @property
    def counters(self) -> Counters:
        return self._residents.counters

    @property
    def warm(self) -> tuple[str, ...]:
        """Paths of the files whose weights are in memory, those of LoRAs too. Never waits."""
        return self._residents.warm

    def unet(self, model: Model, check: Check = no_check) -> UNet:
        """The denoising network of ``model``, loaded and patched.

        Raises:
            WeightsError: the file is unusable, has changed, or holds no UNet; or memory does not
                suffice.
        """
        part, trained = unet_of(model)
        whole = self._choices.of(part.config, stored=model.stored)
        choice = self._choices.of(part.config, stored=model.stored, fits=self._fits(part, whole))
        lend = self._lent(part, choice, model.patches, check)
        return UNet(lend, part.config, trained, part.file.name)

    def text_encoders(self, clip: Clip, check: Check = no_check) -> tuple[TextEncoder, ...]:
        """The text networks of ``clip``, CLIP-L first. Raises WeightsError as ``unet``."""
        return tuple(self._text_encoder(part, clip, check) for part in texts_of(clip))

    def _text_encoder(self, part: Part[TextConfig], clip: Clip, check: Check) -> TextEncoder:
        whole = self._choices.of(part.config, on_cpu=clip.on_cpu)
        fits = self._fits(part, whole)
        choice = self._choices.of(part.config, on_cpu=clip.on_cpu, fits=fits)
        lend = self._lent(part, choice, clip.patches, check)
        return TextEncoder(lend, part.config, part.file.name)

    def vae(self, vae: Vae, check: Check = no_check) -> Autoencoder:
        """The autoencoder of ``vae``, loaded. Raises WeightsError as ``unet``."""
        part = vae_of(vae)
        choice = self._choices.of(part.config)
        lend = self._lent(part, choice, (), check)
        exact = None
        if choice.dtype not in {torch.float32, torch.float64}:
            in_full = replace(choice, dtype=torch.float32, stored=torch.float32)
            exact = Loan(self._residents, part, in_full, (), check)
        return Autoencoder(VaeCodec(lend, part.config, exact))

    def free(self) -> None:
        """Drop all networks. Those handed out stay valid and are loaded again when called."""
        with self._residents.lock:
            self._residents.drop_all()

    def _lent(self, part: Part[Config], choice: Choice, patches: Patches, check: Check) -> Loan:
        """A network that is in memory by now, so that what is wrong with it is known."""
        loan = Loan(self._residents, part, choice, patches, check)
        loan.load()
        return loan

    def _fits(self, part: Part[Config], choice: Choice) -> bool:
        """Whether a GPU has room for all weights of ``part`` and some work."""
        if choice.device.type != "cuda":
            return True
        weights = part.parameters * choice.stored.itemsize
        return weights <= self._residents.allowed(choice.device)
