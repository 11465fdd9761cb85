"""Values that their reader cannot change, and private copies for readers that may try.

What the cache holds is shared by every prompt that meets its key, so nobody may write into it.
Native functions get ``frozen`` inputs: lists and mappings whose writing methods say what to do
instead. Packs expect plain containers of their own and get ``thawed`` ones: they may change them
without anybody noticing. Both copy the containers and none of what is in them, about a microsecond
for a latent or a conditioning. Arrays become read-only views, which is free.

Tensors are passed as they are: torch knows no read-only tensor and copying pixels at every call
would cost more than most nodes do. ``mutation.py`` finds who writes into them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Never

_HINT = (
    "A node tried to change one of its inputs, which other nodes may be reading; "
    "it has to make a new value instead, such as {**latent, 'samples': samples}."
)


class FrozenError(TypeError):
    """A node wrote into one of its inputs."""


def _refuse(*_: Any, **__: Any) -> Never:
    raise FrozenError(_HINT)


class FrozenDict(dict[str, Any]):
    """A dict that cannot be written. ``{**it}``, ``it.copy()`` and ``it | more`` are plain dicts.

    A subclass and not a ``MappingProxyType``: functions ask ``isinstance(value, dict)``, and a
    proxy can be neither pickled nor copied deeply.
    """

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return dict, (list(self.items()),)


class FrozenList(list[Any]):
    """A list that cannot be written. Slices, sums and ``it.copy()`` are plain lists."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = _refuse
    reverse = sort = _refuse

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return list, (list(self),)


def frozen(value: Any) -> Any:
    """``value`` with containers that refuse writing, at every depth."""
    return _Copy(FrozenDict, FrozenList, _read_only).of(value)


def thawed(value: Any) -> Any:
    """``value`` with plain containers that nobody else holds, at every depth."""
    return _Copy(dict, list, lambda array: array).of(value)


class _Copy:
    """One walk over a value. What is held twice is copied once; a ring stays as it is."""

    def __init__(
        self,
        mapping: Callable[[Any], Any],
        sequence: Callable[[Any], Any],
        array: Callable[[Any], Any],
    ) -> None:
        self._mapping = mapping
        self._sequence = sequence
        self._array = array
        self._done: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        # Exact types: a subclass of dict or list has a meaning of its own, and so has its identity.
        kind = type(value)
        if kind in (dict, FrozenDict, MappingProxyType):
            return self._container(value, self._of_mapping)
        if kind in (list, FrozenList):
            return self._container(value, lambda it: self._sequence([self.of(x) for x in it]))
        if kind is tuple:
            return self._container(value, lambda it: tuple(self.of(x) for x in it))
        return self._array(value) if hasattr(value, "__array_interface__") else value

    def _of_mapping(self, value: Mapping[str, Any]) -> Any:
        return self._mapping({key: self.of(item) for key, item in value.items()})

    def _container(self, value: Any, copied: Callable[[Any], Any]) -> Any:
        if id(value) not in self._done:
            self._done[id(value)] = value  # what it finds of itself inside is a ring
            self._done[id(value)] = copied(value)
        return self._done[id(value)]


def _read_only(array: Any) -> Any:
    if not hasattr(array, "setflags"):
        return array
    view = array.view()
    view.setflags(write=False)
    return view
