"""Results in memory: what is worth most per byte stays, within the limits that are set."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.execution.cache import Entry
from engine.execution.memory import MemoryCache
from engine.execution.sizes import nbytes
from engine.weights.handles import Model, WeightsFile

KB = 1 << 10
# What an entry of one tensor weighs besides the tensor.
OVERHEAD = nbytes(((torch.empty(0),),)) + nbytes(None)


def entry(size: int, seconds: float = 1.0) -> Entry:
    return Entry(((torch.zeros(size, dtype=torch.uint8),),), None, seconds)


def kept(cache: MemoryCache, keys: Iterable[str]) -> str:
    return "".join(key for key in keys if key in cache)


def test_what_was_put_is_found() -> None:
    cache = MemoryCache(100 * KB)
    one = entry(KB)
    cache.put("a", one)
    assert cache.get("a") is one
    assert cache.peek("a") is one
    assert cache.get("b") is None
    assert cache.peek("b") is None


def test_of_equal_worth_the_least_recently_used_leaves_first() -> None:
    cache = MemoryCache(14 * KB)
    for key in "abc":
        cache.put(key, entry(4 * KB - OVERHEAD))
    for key in "cab":  # all have been used once
        cache.get(key)
    cache.put("d", entry(4 * KB - OVERHEAD, 3.0))
    assert kept(cache, "abcd") == "abd"


def test_what_is_cheap_to_compute_for_its_size_leaves_before_what_is_dear() -> None:
    cache = MemoryCache(100 * KB)
    cache.put("conditioning", entry(10 * KB, seconds=3.0))
    cache.put("picture", entry(60 * KB, seconds=0.2))
    cache.put("next picture", entry(60 * KB, seconds=0.3))
    assert "conditioning" in cache
    assert "picture" not in cache
    assert "next picture" in cache


def test_what_is_dear_but_never_asked_for_again_ages() -> None:
    cache = MemoryCache(30 * KB)
    cache.put("old", entry(8 * KB, seconds=5.0))
    for n in range(200):
        cache.put(f"{n}", entry(8 * KB, seconds=1.0))
    assert "old" not in cache


def test_what_is_asked_for_often_stays() -> None:
    cache = MemoryCache(30 * KB)
    cache.put("used", entry(8 * KB))
    for n in range(200):
        cache.get("used")
        cache.put(f"{n}", entry(8 * KB))
    assert "used" in cache


def test_peeking_is_no_use() -> None:
    cache = MemoryCache(14 * KB)
    for key in "abc":
        cache.put(key, entry(4 * KB - OVERHEAD))
    cache.peek("a")
    cache.put("d", entry(4 * KB - OVERHEAD))
    assert kept(cache, "abcd") == "bcd"


def test_bytes_are_counted_and_freed() -> None:
    cache = MemoryCache(100 * KB)
    cache.put("a", entry(5_000))
    before = cache.bytes
    cache.put("a", entry(7_000))
    assert cache.bytes == before + 2_000
    cache.drop("a")
    cache.drop("a")
    assert cache.bytes == 0
    cache.put("a", entry(5_000))
    cache.clear()
    assert (cache.bytes, len(cache), cache.get("a")) == (0, 0, None)


def test_what_is_larger_than_the_budget_is_not_kept_and_pushes_nothing_out() -> None:
    cache = MemoryCache(5 * KB)
    cache.put("a", entry(KB))
    cache.put("big", entry(9 * KB))
    assert kept(cache, ["a", "big"]) == "a"


class Budgeted(RuleBasedStateMachine):
    """Whatever is done: the budget holds, and the count of bytes is the sum of what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = MemoryCache(64 * KB, prompts=2)
        self.running: list[str] = []
        self.started = 0

    @rule(key=st.sampled_from("abcdefghij"), size=st.integers(0, 70 * KB), cost=st.floats(0, 100))
    def put(self, key: str, size: int, cost: float) -> None:
        self.cache.put(key, entry(size, cost))

    @rule(key=st.sampled_from("abcdefghij"))
    def get(self, key: str) -> None:
        assert (self.cache.get(key) is None) == (key not in self.cache)

    @rule(key=st.sampled_from("abcdefghij"))
    def drop(self, key: str) -> None:
        self.cache.drop(key)
        assert key not in self.cache

    @rule(keys=st.sets(st.sampled_from("abcdefghij")))
    def begin(self, keys: set[str]) -> None:
        self.started += 1
        self.running.append(f"p{self.started}")
        self.cache.begin(self.running[-1], keys)

    @rule(n=st.integers(0, 9))
    def end(self, n: int) -> None:
        if self.running:
            self.cache.end(self.running.pop(n % len(self.running)))

    @rule()
    def clear(self) -> None:
        self.cache.clear()

    @invariant()
    def the_budget_holds(self) -> None:
        found = [self.cache.peek(key) for key in "abcdefghij"]
        assert self.cache.bytes == sum(nbytes((e.values, e.ui)) for e in found if e is not None)
        assert self.cache.bytes <= self.cache.budget


TestBudgeted = Budgeted.TestCase


def prompt(cache: MemoryCache, name: str, keys: str) -> None:
    """A prompt that needs ``keys`` and computes those that are not there."""
    cache.begin(name, keys)
    for key in keys:
        if cache.get(key) is None:
            cache.put(key, entry(KB))
    cache.end(name)


def test_classic_keeps_what_the_last_prompt_needed() -> None:
    cache = MemoryCache(100 * KB, prompts=1)
    prompt(cache, "1", "ab")
    prompt(cache, "2", "bc")
    assert kept(cache, "abc") == "bc"


def test_what_a_prompt_needs_stays_though_it_is_not_looked_at() -> None:
    cache = MemoryCache(100 * KB, prompts=1)
    prompt(cache, "1", "ab")
    cache.begin("2", "ab")
    cache.get("b")  # a feeds b, and b is there
    cache.end("2")
    assert kept(cache, "ab") == "ab"


def test_what_an_expansion_put_stays_for_the_same_prompt_again() -> None:
    cache = MemoryCache(100 * KB, prompts=1)
    for name in ("1", "2"):
        cache.begin(name, "a")
        assert ("child" in cache) == (name == "2")
        cache.begin(name, ["child"])
        cache.put("child", entry(KB))
        cache.end(name)


def test_the_last_n_prompts_keep_their_results() -> None:
    cache = MemoryCache(100 * KB, prompts=2)
    for name, keys in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "c")):
        prompt(cache, name, keys)
    assert kept(cache, "abc") == "ac"


def test_a_prompt_that_runs_keeps_its_results_while_others_end() -> None:
    cache = MemoryCache(100 * KB, prompts=1)
    cache.begin("long", "a")
    cache.put("a", entry(KB))
    for name in "bcd":
        prompt(cache, name, name)
    assert kept(cache, "abcd") == "abcd"
    cache.end("long")
    prompt(cache, "e", "e")
    assert kept(cache, "abcde") == "e"


def test_entries_leave_when_the_machine_has_too_little_memory() -> None:
    lacking = [0]
    cache = MemoryCache(float("inf"), missing=lambda: lacking[0])
    for key in "abcd":
        cache.put(key, entry(2 << 20))
    assert kept(cache, "abcd") == "abcd"
    lacking[0] = 3 << 20
    cache.end("a prompt")
    assert kept(cache, "abcd") == "cd"
    lacking[0] = 1 << 60
    cache.put("e", entry(2 << 20))
    assert len(cache) == 0


def test_a_storage_counts_once_and_a_view_counts_all_that_it_keeps() -> None:
    base = torch.zeros(1 << 20, dtype=torch.uint8)
    alone = nbytes(base)
    assert alone >= 1 << 20
    assert nbytes(base[:1]) == alone
    assert nbytes([base[:1], base[1:], {"again": base}]) < alone + 2 * KB
    array = np.zeros(1 << 20, dtype=np.uint8)
    assert 1 << 20 <= nbytes([array[:4], array[4:]]) < (1 << 20) + 2 * KB


def test_sizes_are_seen_inside_lists_and_dicts() -> None:
    conditioning = [[torch.zeros(1 << 19), {"pooled_output": torch.zeros(1 << 18)}]]
    assert nbytes(conditioning) >= 4 * ((1 << 19) + (1 << 18))


class Odd:
    """What a pack may hand over: it looks as if it had a size."""

    def __init__(self, nbytes: Any) -> None:
        self.nbytes = nbytes


@pytest.mark.parametrize("claim", ["many", None, -(1 << 60), float("nan"), float("inf")])
def test_an_object_that_lies_about_its_size_counts_as_small(claim: object) -> None:
    assert 0 < nbytes(Odd(claim)) < 2 * KB


def test_models_count_as_small_and_a_ring_is_counted_once() -> None:
    ring: list[Any] = [Model(WeightsFile("sd.safetensors", 1 << 40, 1))]
    ring.append(ring)
    assert nbytes(ring) < 2 * KB


@given(st.lists(st.integers(1, 1 << 12), min_size=1, max_size=20))
def test_what_an_entry_counts_is_at_least_its_tensors(sizes: list[int]) -> None:
    tensors = [torch.zeros(size, dtype=torch.uint8) for size in sizes]
    assert nbytes((tuple(tensors),)) >= sum(sizes)
