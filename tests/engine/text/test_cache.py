"""What networks said is remembered, within bounds."""

import torch

from engine.text.cache import Remembering, SaidCache
from tests.engine.text.networks import Recorder

ROW = 77 * 3 * 4 + 3 * 4


def rows(*ids: int) -> torch.Tensor:
    return torch.tensor([[one] * 77 for one in ids])


def test_only_what_is_new_is_asked_and_the_order_stays() -> None:
    network = Recorder()
    remembering = Remembering(network, SaidCache(), "n")
    remembering(rows(1, 2), -1)
    hidden, pooled = remembering(rows(2, 3, 2, 1), -1)
    assert hidden[:, 0, 0].tolist() == pooled[:, 0].tolist() == [2, 3, 2, 1]
    assert [row[0] for row in network.rows] == [1, 2, 3]


def test_other_layers_and_norms_are_other_questions() -> None:
    network = Recorder()
    remembering = Remembering(network, SaidCache(), "n")
    for layer, norm in ((-1, True), (-2, True), (-2, False)):
        remembering(rows(1), layer, norm=norm)
    assert len(network.rows) == 3


def test_the_least_recently_used_is_let_go() -> None:
    network = Recorder()
    remembering = Remembering(network, SaidCache(limit=2 * ROW), "n")
    for one in (1, 2, 1, 3, 1, 2):
        remembering(rows(one), -1)
    assert [row[0] for row in network.rows] == [1, 2, 3, 2]


def test_a_row_larger_than_the_limit_is_said_all_the_same() -> None:
    hidden, _ = Remembering(Recorder(), SaidCache(limit=1), "n")(rows(4), -1)
    assert hidden[0, 0, 0] == 4
