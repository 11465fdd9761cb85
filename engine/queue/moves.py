"""Giving a pending job another place in the queue, which is to give it another number."""

import itertools
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal["before", "after"]


class CannotMove(ValueError):
    """The job stays where it is. The text is a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a move has changed: the job's number, and the numbers of all that got new ones."""

    number: float
    numbers: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class _Place:
    seq: int
    number: float


def to_number(connection: sqlite3.Connection, job_id: str, number: float) -> Move:
    """Give a pending job a number.

    Raises:
        CannotMove: there is no such job, or it is not pending.
    """
    return _write(connection, [_Place(_pending(connection, job_id), number)], number)


def beside(connection: sqlite3.Connection, job_id: str, side: Side, other: str) -> Move:
    """Put a pending job right before or after another one.

    Raises:
        CannotMove: one of them is not pending, or they are the same.
    """
    seq, beside = _pending(connection, job_id), _pending(connection, other)
    if seq == beside:
        raise CannotMove("A prompt cannot be moved to before or after itself.")
    rows = connection.execute(
        "select seq, number from jobs where state = 'pending' and seq != ? order by number, id",
        (seq,),
    )
    line = [_Place(*row) for row in rows]
    index = next(i for i, place in enumerate(line) if place.seq == beside)
    gap = index if side == "before" else index + 1
    number = _between(line, gap)
    if number is not None:
        return _write(connection, [_Place(seq, number)], number)
    order = [place.seq for place in line]
    spread = _spread(line, [*order[:gap], seq, *order[gap:]])
    return _write(connection, spread, spread[gap].number)


def _pending(connection: sqlite3.Connection, job_id: str) -> int:
    row = connection.execute("select seq, state from jobs where id = ?", (job_id,)).fetchone()
    if row is None:
        raise CannotMove(f"There is no prompt with the id '{job_id}' in the queue.")
    if row[1] != "pending":
        raise CannotMove(f"The prompt '{job_id}' is {row[1]}; only pending ones can be moved.")
    seq: int = row[0]
    return seq


def _between(line: list[_Place], gap: int) -> float | None:
    """A number for the place before ``line[gap]``, if there is room for one."""
    if gap == 0:
        low, high = line[0].number - 2, line[0].number
    elif gap == len(line):
        low, high = line[-1].number, line[-1].number + 2
    else:
        low, high = line[gap - 1].number, line[gap].number
    middle = low + (high - low) / 2
    return middle if low < middle < high else None


def _spread(line: list[_Place], order: list[int]) -> list[_Place]:
    """Numbers at equal distances for a queue in which there is no room between two."""
    low, high = line[0].number, line[-1].number
    step = (high - low) / len(order) if high > low else 1 / len(order)
    numbers = [low + step * i for i in range(len(order))]
    if not all(a < b for a, b in itertools.pairwise(numbers)):
        raise CannotMove("The numbers in the queue are too close together. Give a number instead.")
    return [_Place(seq, number) for seq, number in zip(order, numbers, strict=True)]


def _write(connection: sqlite3.Connection, places: list[_Place], number: float) -> Move:
    connection.executemany(
        "update jobs set number = ?, explicit = 1 where seq = ?",
        [(place.number, place.seq) for place in places],
    )
    return Move(number, {place.seq: place.number for place in places})
