"""The memory cache keeps what was used last, within its budget of bytes."""

from dataclasses import dataclass

from engine.execution.cache import Entry, MemoryCache, nbytes


@dataclass(frozen=True)
class Sized:
    nbytes: int


def entry(size: int) -> Entry:
    return Entry((Sized(size),))


def test_what_was_put_is_found() -> None:
    cache = MemoryCache(10_000)
    cache.put("a", entry(1))
    assert cache.get("a") == entry(1)
    assert cache.get("b") is None


def test_the_least_recently_used_leaves_first() -> None:
    cache = MemoryCache(8_000)
    for key in "abc":
        cache.put(key, entry(2_000))
    cache.get("a")
    cache.put("d", entry(2_000))
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]


def test_bytes_are_counted_and_freed() -> None:
    cache = MemoryCache(100_000)
    cache.put("a", entry(5_000))
    before = cache.bytes
    cache.put("a", entry(7_000))
    assert cache.bytes == before + 2_000
    cache.drop("a")
    assert cache.bytes == 0
    cache.drop("a")


def test_what_is_larger_than_the_budget_is_not_kept_and_pushes_nothing_out() -> None:
    cache = MemoryCache(5_000)
    cache.put("a", entry(1_000))
    cache.put("big", entry(9_000))
    assert cache.get("a") is not None
    assert cache.get("big") is None


def test_sizes_are_seen_inside_lists_and_dicts() -> None:
    latent = {"samples": Sized(1 << 20)}
    conditioning = [[Sized(1 << 19), {"pooled_output": Sized(1 << 18)}]]
    assert nbytes(latent) >= 1 << 20
    assert nbytes(conditioning) >= (1 << 19) + (1 << 18)
