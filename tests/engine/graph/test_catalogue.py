"""A catalogue learns what its changing classes say of themselves by now."""

from dataclasses import replace

from engine.graph.catalogue import Catalogue
from engine.graph.spec import NodeSpec

STEADY = NodeSpec("Steady", "Steady", "toys")
FIRST = NodeSpec("First", "First", "toys", changing=True)
SECOND = NodeSpec("Second", "Second", "toys", changing=True)
KNOWN = Catalogue([FIRST, STEADY, SECOND])


def test_only_some_classes_change() -> None:
    assert KNOWN.changing == {"First", "Second"}


def test_when_all_say_the_same_it_is_the_same_catalogue() -> None:
    assert KNOWN.refreshed([SECOND, FIRST]) is KNOWN


def test_what_is_said_now_stands_in_the_old_order() -> None:
    now = replace(SECOND, description="now")
    assert list(KNOWN.refreshed([now, FIRST]).values()) == [FIRST, STEADY, now]


def test_a_class_that_says_nothing_is_left_out_until_it_does() -> None:
    without = KNOWN.refreshed([SECOND])
    assert list(without) == ["Steady", "Second"]
    assert set(without.refreshed([FIRST, SECOND])) == {"First", "Steady", "Second"}
