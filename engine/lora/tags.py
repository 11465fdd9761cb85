"""``<lora:name:strength>`` in prompts: what is written there, and the prompt without it.

Names of files are looked up by ``find``; which strengths, blocks and steps a tag asks for is a
value that nodes turn into patches.

Source: section 4.3 of the LoRA specification; the syntax is A1111's, with the block-weight
extension's arguments.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePosixPath

from engine.lora.errors import LoraError

_TAG = re.compile(r"<(\w+):([^>]+)>")
_LORA = ("lora", "lyco")
# Tags that others act upon.
_OTHERS = ("hypernet", "ti")
_STEPS = re.compile(r"(\d{1,6})-(\d{1,6})$")


@dataclass(frozen=True)
class Tag:
    """One tag: the items between its colons, by place and by name. The first has a place always."""

    written: str
    positional: tuple[str, ...]
    named: Mapping[str, str]


@dataclass(frozen=True)
class TaggedPrompt:
    """A prompt taken apart.

    Attributes:
        text: without the tags; spaces and commas stay.
        tags: by the tag's name, in the order of their first appearance.
    """

    text: str
    tags: Mapping[str, tuple[Tag, ...]]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of tags that nothing here or elsewhere acts upon."""
        return tuple(name for name in self.tags if name not in {*_LORA, *_OTHERS})


@dataclass(frozen=True, slots=True)
class LoraTag:
    """A LoRA as a prompt asks for it.

    Attributes:
        name: of the file, without its extension, or of its alias.
        te: strength for the text networks.
        unet: strength for the denoising network.
        dyn: how many of its ranks to use; None for all.
        blocks: block weights; "" for none.
        rules: rules of block weights.
        x: what X stands for in them.
        start: the first sampling step, counted from 1, at which it acts; None for the first.
        stop: the first at which it no longer acts; None for never.
    """

    name: str
    te: float
    unet: float
    dyn: int | None = None
    blocks: str = ""
    rules: str = ""
    x: float = 1.0
    start: int | None = None
    stop: int | None = None


def read_prompt(prompt: str) -> TaggedPrompt:
    """Take the tags out of ``prompt``. Nothing in it is an error."""
    tags: dict[str, tuple[Tag, ...]] = {}
    # Behind the last ">" no tag ends; looking for one from each "<" there would take forever.
    end = prompt.rfind(">") + 1
    for found in _TAG.finditer(prompt, 0, end):
        first, *items = found[2].split(":")
        named = dict(item.split("=") for item in items if item.count("=") == 1)
        positional = (first, *(item for item in items if item.count("=") != 1))
        tags[found[1]] = (*tags.get(found[1], ()), Tag(found[0], positional, named))
    return TaggedPrompt(_TAG.sub("", prompt[:end]) + prompt[end:], tags)


def lora_tags(prompt: TaggedPrompt) -> tuple[LoraTag, ...]:
    """The LoRAs that a prompt asks for, by the kind of their tags and then in order; one that is
    named twice is there twice.

    Raises:
        LoraError: an item that should be a number is none.
    """
    kinds = (name for name in prompt.tags if name in _LORA)
    return tuple(_lora(tag) for name in kinds for tag in prompt.tags[name])


def find(name: str, files: Iterable[str], alias_of: Callable[[str], str | None]) -> str:
    """The one of ``files`` (paths inside the LoRA folders) that a tag means by ``name``.

    Its path without the extension, then its file's name alone, then the name it was trained under,
    which ``alias_of`` tells, if only one has it.

    Raises:
        LoraError: there is no such file, or several are meant.
    """
    listed = list(files)
    ways: tuple[Callable[[str], str | None], ...] = (
        lambda file: PurePosixPath(file).with_suffix("").as_posix(),
        lambda file: PurePosixPath(file).stem,
        alias_of,
    )
    for way in ways:
        found = [file for file in listed if way(file) == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise LoraError(
                f"<lora:{name}> may mean {', '.join(sorted(found))}; write its folder, too."
            )
    raise LoraError(
        f"There is no LoRA {name!r} in the LoRA folders; the prompt asks for it by <lora:{name}>."
    )


def _lora(tag: Tag) -> LoraTag:
    te = _number(tag, "te", 1)
    unet = _number(tag, "unet", 2)
    dyn = _number(tag, "dyn", 3)
    x = _number(tag, "x")
    start, stop = _steps(tag)
    text_strength = 1.0 if te is None else te
    return LoraTag(
        name=tag.positional[0],
        te=text_strength,
        unet=text_strength if unet is None else unet,
        dyn=None if dyn is None else _whole(tag, "dyn", dyn),
        blocks=tag.named.get("lbw", tag.named.get("w", "")),
        rules=tag.named.get("lbwe", ""),
        x=1.0 if x is None else x,
        start=start,
        stop=stop,
    )


def _steps(tag: Tag) -> tuple[int | None, int | None]:
    """From ``step=a-b``, ``start`` and ``stop``."""
    span = tag.named.get("step")
    if span is not None:
        found = _STEPS.match(span)
        if not found:
            raise LoraError(f"{tag.written}: step={span} is not of the form step=1-20.")
        return int(found[1]), int(found[2])
    start, stop = (_number(tag, name) for name in ("start", "stop"))
    return (
        None if start is None else _whole(tag, "start", start),
        None if stop is None else _whole(tag, "stop", stop),
    )


def _number(tag: Tag, name: str, place: int | None = None) -> float | None:
    """The item of this name, else the one at this place, else None."""
    text = tag.named.get(name)
    if text is None and place is not None and place < len(tag.positional):
        text = tag.positional[place]
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise LoraError(f"{tag.written}: {text!r} is not a number.")
    return value


def _whole(tag: Tag, name: str, value: float) -> int:
    if value != int(value) or value < 0:
        raise LoraError(f"{tag.written}: {name} is {value}, which is not a whole number.")
    return int(value)
