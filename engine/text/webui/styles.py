"""Styles: texts that webui users keep under names and put round their prompts."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

_PLACE = "{prompt}"


@dataclass(frozen=True, slots=True)
class Style:
    """A line of `styles.csv`."""

    name: str
    prompt: str
    negative_prompt: str


def read_styles(text: str) -> tuple[Style, ...]:
    """The styles of a `styles.csv`, in its order; lines without a name are left out.

    Older files call the column of the prompt `text`.
    """
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff").replace("\0", ""), newline=""))
    return tuple(
        Style(
            row["name"],
            row.get("prompt") or row.get("text") or "",
            row.get("negative_prompt") or "",
        )
        for row in rows
        if row.get("name")
    )


def styled(prompt: str, texts: Iterable[str]) -> str:
    """`prompt` inside, or before, the texts of styles, one after the other."""
    for text in texts:
        if _PLACE in text:
            prompt = text.replace(_PLACE, prompt)
        else:
            prompt = ", ".join(part for part in (prompt.strip(), text.strip()) if part)
    return prompt
