"""A prompt as the store keeps it: JSON text, and what it is found by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.queue.jsontext import dumps
from engine.queue.search import Found, Terms, found_in, joined


@dataclass(frozen=True, slots=True)
class Piece:
    """One node of a prompt: ``"id":{...}`` as JSON, and what the prompt is found by through it."""

    text: str
    found: Found

    @classmethod
    def of(cls, node_id: str, node: Mapping[str, Any]) -> "Piece":
        return cls(f"{dumps(node_id)}:{dumps(node)}", found_in(node))


@dataclass(frozen=True, slots=True)
class Body:
    """A whole prompt in API format."""

    text: str
    terms: Terms

    @classmethod
    def of(cls, prompt: Mapping[str, Any]) -> "Body":
        return cls.joined([Piece.of(node_id, node) for node_id, node in prompt.items()])

    @classmethod
    def joined(cls, pieces: Iterable[Piece]) -> "Body":
        """The prompt that consists of these nodes."""
        pieces = list(pieces)
        text = ",".join([piece.text for piece in pieces])
        return cls(f"{{{text}}}", joined([piece.found for piece in pieces]))
