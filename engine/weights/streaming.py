"""Weights that rest elsewhere, or in a smaller type, brought to where their layers compute.

A network is divided into groups of layers that run one after the other: a residual block, a
transformer layer. When the first layer of a group is about to run, the group's weights are brought
over; when the next group begins, they are let go. On a GPU the group that followed the last time is
fetched while this one computes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from engine.weights.choices import Choice

# A layer belongs to the innermost of these that it is in, or is a group of its own.
_GROUP = re.compile(r".*(?:transformer_blocks|layers|resnets|downsamplers|upsamplers)\.\d+")
# Weights of one group where they are needed.
_Brought = list[tuple[nn.Parameter, Tensor]]


class Stream:
    """Brings the weights of one network to its device and type. Used by one call at a time."""

    def __init__(self, module: nn.Module, choice: Choice) -> None:
        """``module`` has its parameters; hooks are put on the layers that own them."""
        self._choice = choice
        self._groups: dict[str, list[nn.Parameter]] = {}
        self._next: dict[str, str] = {}
        self._current: str | None = None
        # What rests, by the parameters that have something else in its place.
        self._resting: list[tuple[nn.Parameter, Tensor]] = []
        self._fetched: dict[str, tuple[_Brought, torch.cuda.Event]] = {}
        fetches = choice.ahead and choice.device.type == "cuda"
        self._side: torch.cuda.Stream | None = None
        if fetches:
            self._side = torch.cuda.Stream(choice.device)  # type: ignore[no-untyped-call]
        for name, layer in module.named_modules():
            own = list(layer.parameters(recurse=False))
            if own:
                group = _group_of(name)
                self._groups.setdefault(group, []).extend(own)
                layer.register_forward_pre_hook(partial(self._before, group))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around a call of the network: afterwards every weight is where it rests."""
        try:
            yield
        finally:
            self._release()
            self._fetched.clear()
            self._current = None
            if self._choice.device.type == "cuda":
                # Copies from where weights rest may be on their way, and a bake would change them.
                torch.cuda.synchronize(self._choice.device)

    def _before(self, group: str, *_: object) -> None:
        if group == self._current:
            return
        if self._current is not None:
            self._next[self._current] = group
        self._release()
        for parameter, brought in self._arrived(group):
            self._resting.append((parameter, parameter.data))
            parameter.data = brought
        self._current = group
        following = self._next.get(group)
        if self._side is not None and following is not None and following not in self._fetched:
            self._fetch(following, self._side)

    def _release(self) -> None:
        while self._resting:
            parameter, rest = self._resting.pop()
            parameter.data = rest

    def _arrived(self, group: str) -> _Brought:
        """The weights of ``group``, fetched before or now."""
        fetched = self._fetched.pop(group, None)
        if fetched is None:
            return self._bring(group)
        brought, done = fetched
        stream = torch.cuda.current_stream(self._choice.device)
        stream.wait_event(done)
        for _, tensor in brought:
            tensor.record_stream(stream)
        return brought

    def _fetch(self, group: str, side: torch.cuda.Stream) -> None:
        with torch.cuda.stream(side):
            brought = self._bring(group)
            self._fetched[group] = (brought, side.record_event())

    def _bring(self, group: str) -> _Brought:
        device, dtype = self._choice.device, self._choice.dtype
        return [
            (one, one.data.to(device, non_blocking=True).to(dtype)) for one in self._groups[group]
        ]


def _group_of(name: str) -> str:
    found = _GROUP.match(name)
    return found[0] if found else name
