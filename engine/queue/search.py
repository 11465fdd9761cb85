"""What a prompt can be found by: its words, models, LoRAs, seeds and node classes.

``terms_of`` says what is kept of a prompt; ``query_of`` turns what a person typed into a question
for SQLite's full-text index. Nothing a person types can be an error there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Columns of the index and what belongs into them.
Found = tuple[tuple[str, str], ...]
COLUMNS = ("words", "models", "loras", "seeds", "classes")
# What people type before a colon, and the column that is meant.
_FIELDS: Mapping[str, str] = {
    "text": "words",
    "model": "models",
    "lora": "loras",
    "seed": "seeds",
    "class": "classes",
}
_FILE = re.compile(r"[^\n]{1,255}\.(?:safetensors|sft|ckpt|pth?|bin|gguf|onnx)", re.IGNORECASE)
_TERM = re.compile(r'(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# Enough for every prompt that people write; a text pasted by the megabyte is found by its start.
_MAX_TEXT = 10_000
_MAX_FILES = 100
_MAX_QUERY = 1000
_MAX_TERMS = 32


@dataclass(frozen=True, slots=True)
class Terms:
    """What one prompt is found by, a text for each column of the index, and the names in it."""

    words: str
    models: str
    loras: str
    seeds: str
    classes: str
    files: tuple[str, ...]


def found_in(node: Mapping[str, Any]) -> Found:
    """What a prompt is found by through one of its nodes, in API format."""
    found = [("classes", str(node["class_type"]))]
    title = node.get("_meta", {}).get("title")
    if title:
        found.append(("words", str(title)))
    for name, value in node["inputs"].items():
        column = _column(name, value)
        if column is not None:
            found.append((column, str(value)))
    return tuple(found)


def terms_of(prompt: Mapping[str, Any]) -> Terms:
    """The terms of a prompt in API format."""
    return joined(map(found_in, prompt.values()))


def joined(nodes: Iterable[Found]) -> Terms:
    """The terms of a prompt of these nodes."""
    found: dict[str, dict[str, None]] = {column: {} for column in COLUMNS}
    for node in nodes:
        for column, text in node:
            found[column][text] = None
    files = [*found["models"], *found["loras"]]
    texts = {column: _joined(found[column]) for column in COLUMNS}
    return Terms(**texts, files=tuple(files[:_MAX_FILES]))


def _column(name: str, value: Any) -> str | None:
    """Where a constant belongs, if it says anything: numbers say nothing unless they are seeds."""
    if isinstance(value, str):
        if _FILE.fullmatch(value):
            return "loras" if "lora" in name.lower() else "models"
        return "words" if value.strip() else None
    if isinstance(value, int) and not isinstance(value, bool) and "seed" in name.lower():
        return "seeds"
    return None


def _joined(texts: Iterable[str]) -> str:
    return _CONTROLS.sub(" ", "\n".join(texts)[:_MAX_TEXT])


def query_of(typed: str) -> str | None:
    """A full-text query in which all terms must be found, or None when nothing was typed.

    Words match the beginnings of words, seeds whole numbers, ``"several words"`` in this order.
    ``model:``, ``lora:``, ``seed:``, ``class:`` and ``text:`` look in one place only.
    """
    terms = list(_terms(_CONTROLS.sub(" ", typed[:_MAX_QUERY])))
    return " AND ".join(terms[:_MAX_TERMS]) or None


def _terms(typed: str) -> Iterator[str]:
    for field, phrase, word in _TERM.findall(typed):
        column = _FIELDS.get(field.lower())
        text = phrase or word
        if field and column is None:
            text = f"{field}:{text}"  # a colon of the text's own
        text = text.replace('"', " ")
        if not any(character.isalnum() for character in text):
            continue
        whole = phrase or column == "seeds"
        yield f'{f"{column}: " if column else ""}"{text}"{"" if whole else " *"}'
