"""Events of attempts on their way from a worker to clients and the store: data as JSON text.

A worker writes the text once. The server passes it on to clients and into the database, and reads
only what it has to look into. Events that come close together go over the pipe as one frame.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.queue.protocol import Frame, ProtocolError, pack


@dataclass(frozen=True, slots=True)
class Told:
    """One event. ``text`` is its data as ``jsontext.dumps`` writes it, ``image`` of a preview."""

    type: str
    text: str
    image: bytes = b""

    @property
    def data(self) -> Mapping[str, Any]:
        """The data, read anew each time."""
        found: Mapping[str, Any] = json.loads(self.text)
        return found


def pack_events(job: str, attempt: int, events: Sequence[Told]) -> bytes:
    """The frame of events of one attempt: types and lengths in the head, the rest in the blob."""
    parts = [part for one in events for part in (one.text.encode(), one.image)]
    head = [[one.type, len(one.text), len(one.image)] for one in events]
    message = {"kind": "events", "job": job, "attempt": attempt, "events": head}
    return pack(message, b"".join(parts))


def events_of(frame: Frame) -> list[Told]:
    """The events in a frame of that kind, in their order.

    Raises:
        ProtocolError: the lengths are not those of the blob, or what is said to be JSON is not
            even text of one line.
    """
    found, blob, begin = [], frame.blob, 0
    try:
        for type_, text_length, image_length in frame.message["events"]:
            end = begin + _length(text_length)
            text = blob[begin:end].decode("ascii")
            begin = end + _length(image_length)
            if "\n" in text or "\r" in text:  # a line of an event stream would end there
                raise ProtocolError("an event holds no JSON")
            found.append(Told(str(type_), text, blob[end:begin]))
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("a frame of events is not made as they are") from error
    if begin != len(blob):
        raise ProtocolError("a frame of events is longer or shorter than it says")
    return found


def _length(given: Any) -> int:
    if not isinstance(given, int) or given < 0:
        raise ValueError
    return given
