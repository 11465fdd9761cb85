"""Prometheus' text format (version 0.0.4): families of samples as text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Samples = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, what it is, and a sample for each set of labels."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: Samples


def single(name: str, kind: Literal["counter", "gauge"], help_: str, value: float) -> Family:
    """A metric without labels."""
    return Family(name, kind, help_, [({}, value)])


def written(families: Iterable[Family]) -> str:
    """All families; one without samples says only what it is."""
    return "".join(line + "\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for labels, value in family.samples:
        inside = ",".join(f'{name}="{_label(text)}"' for name, text in labels.items())
        yield f"{family.name}{f'{{{inside}}}' if inside else ''} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
