"""Stopping long work on weights: a check that is called between its pieces.

The check is the caller's (``Run.check``); what it raises ends the work. Whoever calls it leaves
behind what the next call can go on from.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

Check = Callable[[], None]


def no_check() -> None:
    """The check of work that nobody cancels."""


@contextmanager
def checked(module: nn.Module, check: Check) -> Iterator[None]:
    """Call ``check`` before each layer of ``module`` that runs meanwhile."""
    layers = [layer for layer in module.modules() if not any(layer.children())]
    hooks = [layer.register_forward_pre_hook(lambda *_: check()) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
