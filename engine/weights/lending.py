"""How the callable networks of ``calls.py`` and ``autoencoder.py`` get at live modules."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.weights.networks import Network

T = TypeVar("T")


class Lender(Protocol):
    """Has one network, with its own patches, whatever was computed in between."""

    def __call__(self, work: Callable[[Network], T], needs: int = 0) -> T:
        """What ``work`` gives with the network, which it may use until it returns.

        ``needs`` is how many bytes ``work`` is expected to take beside the weights. Where they are
        not there, what is idle is dropped first; when memory runs out all the same, everything idle
        is dropped and ``work`` is done once more.

        Raises:
            OutOfMemory: the memory does not suffice. The text says what was needed.
        """
        ...

    @property
    def room(self) -> int:
        """Bytes that a call could have beside the weights, if everything idle were dropped."""
        ...
