"""The frame that brings a result from a worker: a summary in its head, the long texts behind."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.queue.protocol import Frame, ProtocolError, pack
from engine.queue.results import Result, Summary


def pack_outcome(job: str, attempt: int, result: Result) -> bytes:
    """The frame of how an attempt ended."""
    texts = [text.encode() for text in _texts(result)]
    head = {"kind": "outcome", "job": job, "attempt": attempt, "status": result.status}
    message = {**head, "summary": asdict(result.summary), "lengths": [len(text) for text in texts]}
    return pack(message, b"".join(texts))


def result_of(frame: Frame) -> Result:
    """The result in a frame of that kind.

    Raises:
        ProtocolError: the frame is not made as they are.
    """
    message: Mapping[str, Any] = frame.message
    try:
        ends = _ends(message["lengths"])
        outputs, meta, messages, ledger = (
            frame.blob[begin:end].decode("ascii") for begin, end in ends
        )
        if ends[-1][1] != len(frame.blob):
            raise ProtocolError("an outcome is longer or shorter than it says")
        summary = Summary(**message["summary"])
        return Result(message["status"], outputs, meta, messages, ledger, summary)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError("an outcome is not made as they are") from error


def _texts(result: Result) -> tuple[str, str, str, str]:
    return result.outputs, result.meta, result.messages, result.ledger


def _ends(lengths: list[int]) -> list[tuple[int, int]]:
    ends, begin = [], 0
    for length in lengths:
        ends.append((begin, begin + length))
        begin += length
    return ends
