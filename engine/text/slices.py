"""Parts of a text by their places in it: what is read out of a prompt can say where it stood."""

from collections.abc import Iterable, Sequence

Slice = tuple[int, int]


def joined(text: str, slices: Iterable[Slice]) -> str:
    """The text at `slices`, one after the other."""
    return "".join(text[start:end] for start, end in slices)


def places(slices: Iterable[Slice], within: Sequence[int] | None = None) -> list[int]:
    """Where each character of `joined` stood.

    `within` says where each character of the sliced text stood in a text before it.
    """
    found = [place for start, end in slices for place in range(start, end)]
    return found if within is None else [within[place] for place in found]
