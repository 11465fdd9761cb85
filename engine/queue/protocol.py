"""The language between the server and a worker process: frames of JSON and bytes over two pipes.

A frame is two big-endian uint32 (length of the JSON, length of the blob), the JSON object and the
blob. The key ``kind`` names it. To the worker go ``run``, ``cancel``, ``free`` and ``ask``; from it
come ``ready`` or ``failed`` once, then ``events`` (``told.py``) and ``outcome`` of attempts,
``answer`` to a question, ``device`` when facts have changed, and ``alive`` when there is nothing
else to say.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.queue.jsontext import dumps

_HEAD = struct.Struct(">II")
# Seconds between two signs of life of a worker that has nothing else to say.
ALIVE_EVERY = 3.0
# A frame beyond this is no message but noise on the pipe.
_MAX_PART = 512 * 2**20


class ProtocolError(RuntimeError):
    """What came through the pipe is not a frame."""


@dataclass(frozen=True, slots=True)
class Frame:
    message: Mapping[str, Any]
    blob: bytes = b""

    @property
    def kind(self) -> str:
        return str(self.message.get("kind"))


def pack(message: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return _framed(dumps(message).encode(), blob)


def pack_run(job: str, attempt: int, outputs: str, graph: str, extra: str) -> bytes:
    """The frame that hands an attempt over. The last three are JSON texts, which go through the
    server as they are; ``graph`` is a whole member, key and value (``graphs.py``).
    """
    head = dumps({"kind": "run", "job": job, "attempt": attempt})[:-1]
    return _framed(f'{head},"outputs":{outputs},{graph},"extra":{extra}}}'.encode(), b"")


def _framed(text: bytes, blob: bytes) -> bytes:
    return _HEAD.pack(len(text), len(blob)) + text + blob


def read(stream: BinaryIO) -> Frame | None:
    """The next frame of a blocking stream, or None at its end.

    Raises:
        ProtocolError: the bytes are no frame.
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    text_length, blob_length = _lengths(head)
    text, blob = stream.read(text_length), stream.read(blob_length)
    if len(text) < text_length or len(blob) < blob_length:
        return None
    return Frame(_message(text), blob)


class Pieces:
    """Frames out of a stream that comes in pieces of any size."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that are whole now. All of them must be taken before the next piece.

        Raises:
            ProtocolError: the bytes are no frame.
        """
        rest = self._rest
        rest += piece
        begin = 0
        while len(rest) - begin >= _HEAD.size:
            text_length, blob_length = _lengths(rest[begin : begin + _HEAD.size])
            text = begin + _HEAD.size
            blob = text + text_length
            end = blob + blob_length
            if len(rest) < end:
                break
            yield Frame(_message(rest[text:blob]), bytes(rest[blob:end]))
            begin = end
        del rest[:begin]


def _lengths(head: bytes | bytearray) -> tuple[int, int]:
    text_length, blob_length = _HEAD.unpack(head)
    if text_length > _MAX_PART or blob_length > _MAX_PART:
        raise ProtocolError(f"a frame of {text_length:,} + {blob_length:,} bytes was announced")
    return text_length, blob_length


def _message(text: bytes | bytearray) -> Mapping[str, Any]:
    try:
        message = json.loads(text)
    except ValueError as error:
        raise ProtocolError("a frame holds no JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("a frame holds no JSON object")
    return message
