"""A network as one handle wants it, lent for the time of a call."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

from engine.weights.cancel import Check, checked
from engine.weights.choices import Choice
from engine.weights.configs import Config, UnetConfig
from engine.weights.ledger import Patches, Resident
from engine.weights.memory import free_bytes, is_out_of_memory
from engine.weights.networks import Network
from engine.weights.part import Part
from engine.weights.residents import Residents

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loan:
    """A ``Lender``: the network of ``part`` as ``choice`` keeps it, with ``patches``.

    ``check`` is called between the tensors that are loaded or baked, before each call of a UNet and
    before each layer of other networks; what it raises passes through.
    """

    residents: Residents
    part: Part[Config]
    choice: Choice
    patches: Patches
    check: Check

    @property
    def room(self) -> int:
        device = self.choice.device
        return free_bytes(device) + self.residents.idle_bytes(device, self.part)

    def load(self) -> None:
        """Have it in memory, patched. Raises as a call of it does when memory runs out."""
        self(lambda _: None)

    def __call__(self, work: Callable[[Network], T], needs: int = 0) -> T:
        with self.residents.lock:
            try:
                return self._done(work, needs)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                _log.warning("Memory ran out (%s); what is idle is dropped.", error)
            # Here, where the failed attempt and its tensors are gone.
            kept = self.residents.find(self.part, self.choice)
            self.residents.drop_idle(self.choice.device, but=kept)
            try:
                return self._done(work, needs)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise self.residents.too_little("This", self.choice.device, needs) from error

    def _done(self, work: Callable[[Network], T], needs: int) -> T:
        resident = self._resident()
        network = resident.network
        self.residents.free_for(self.choice.device, needs, but=resident)
        stream = network.stream.running() if network.stream else nullcontext()
        # One call of a UNet is short; the others may take long.
        is_unet = isinstance(self.part.config, UnetConfig)
        layers = nullcontext() if is_unet else checked(network.module, self.check)
        with stream, layers:
            return work(network)

    def _resident(self) -> Resident:
        return self.residents.have(self.part, self.choice, self.patches, self.check)
