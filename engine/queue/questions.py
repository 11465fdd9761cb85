"""Questions to a worker that wait for their answers."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class QuestionFailed(RuntimeError):
    """The worker could not answer, or ended meanwhile. The text says why."""


class Questions:
    """The open questions to one worker, by number."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}

    @contextmanager
    def asked(self) -> Iterator[tuple[int, "asyncio.Future[Any]"]]:
        """A new question: its number, and the future of its answer, valid inside the context."""
        number = next(self._numbers)
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            yield number, answer
        finally:
            del self._open[number]

    def answered(self, number: int, value: Any, error: str | None) -> None:
        """An answer came; nobody may be waiting for it any more."""
        answer = self._open.get(number)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(QuestionFailed(f"The worker could not answer: {error}"))

    def fail_all(self, why: str) -> None:
        """The worker has ended."""
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(QuestionFailed(why))
