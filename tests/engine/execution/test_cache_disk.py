"""Results on disk: they survive a restart, several workers share them, damage is only a miss."""

import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from engine.execution.cache import Entry
from engine.execution.disk import MAX_BYTES, DiskCache, worth_keeping
from engine.execution.memory import MemoryCache
from engine.execution.modes import CacheMode
from engine.execution.shelf import Shelf
from engine.execution.tiers import TieredCache, make_cache

MB = 1 << 20
ROOT = Path(__file__).parents[3]


def entry(number: float = 1.0, size: int = 1000, seconds: float = 2.0) -> Entry:
    return Entry((({"samples": torch.full((size,), float(number))},),), None, seconds)


def number(found: Entry | None) -> float | None:
    return None if found is None else float(found.values[0][0]["samples"][-1])


@contextmanager
def opened(folder: Path, budget: int = 100 * MB, salt: str = "") -> Iterator[DiskCache]:
    cache = DiskCache(folder, budget, salt)
    try:
        yield cache
    finally:
        cache.close()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_new_process_finds_what_the_old_one_wrote(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        cache.offer("a", entry(3.0))
    with opened(tmp_path) as cache:
        found = cache.get("a")
        assert number(found) == 3.0
        assert found is not None
        assert found.seconds == 2.0
        assert cache.get("b") is None
        assert "a" in cache
        assert "b" not in cache


@pytest.mark.parametrize("key", ["../../../etc/passwd", "a/b", "", "\0", "x" * 10_000, "\u2028ü"])
def test_a_key_never_names_a_path(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "cache"
    with opened(folder) as cache:
        cache.offer(key, entry(5.0))
        cache.flush()
        assert number(cache.get(key)) == 5.0
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_another_version_of_the_code_finds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, salt="1") as cache:
        cache.offer("a", entry())
    with opened(tmp_path, salt="2") as cache:
        assert cache.get("a") is None
    with opened(tmp_path, salt="1") as cache:
        assert cache.get("a") is not None


def test_what_was_dropped_is_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        cache.offer("a", entry())
        cache.flush()
        cache.drop("a")
        cache.drop("never there")
        assert cache.get("a") is None
        assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("seconds", "size", "rate", "kept"),
    [
        (0.25, 1000, 1e9, True),
        (0.24, 1000, 1e9, False),  # not worth a file
        (1.0, 50 * MB, 100e6, True),
        (0.4, 50 * MB, 100e6, False),  # reading takes longer
        (1e6, MAX_BYTES + 1, 1e12, False),
    ],
)
def test_kept_is_what_took_longer_than_reading_it(
    seconds: float, size: int, rate: float, kept: bool
) -> None:
    assert worth_keeping(seconds, size, rate) is kept


@pytest.mark.parametrize(
    "value",
    [
        entry(seconds=0.1),
        Entry(((object(),),), None, 100.0),
        Entry(((1,),), {"images": []}, 100.0),
        entry(size=MAX_BYTES // 4 + 1, seconds=1e6),
    ],
    ids=["quick", "a model", "shows files", "too large"],
)
def test_what_is_not_worth_a_file_gets_none(tmp_path: Path, value: Entry) -> None:
    with opened(tmp_path) as cache:
        cache.offer("a", value)
        cache.flush()
    assert files(tmp_path) == []


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "flipped":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif how == "torn":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "huge":
        os.truncate(path, 1 << 40)
    else:
        path.unlink()
        if how == "pipe":
            os.mkfifo(path)
        elif how == "endless":
            path.symlink_to("/dev/zero")
        elif how == "folder":
            path.mkdir()


@pytest.mark.parametrize(
    "how", ["flipped", "torn", "empty", "huge", "pipe", "endless", "folder", "gone"]
)
def test_a_damaged_file_is_a_miss_and_is_deleted(tmp_path: Path, how: str) -> None:
    with opened(tmp_path) as cache:
        cache.offer("a", entry(1.0))
        cache.flush()
        (path,) = files(tmp_path)
        damage(path, how)
        assert cache.get("a") is None
        assert how == "folder" or not os.path.lexists(path)
        cache.offer("a", entry(2.0))
        cache.flush()
        assert number(cache.get("a")) == (None if how == "folder" else 2.0)


def test_the_folder_stays_within_its_budget_and_the_oldest_leave(tmp_path: Path) -> None:
    with opened(tmp_path, budget=MB) as cache:
        for n in range(40):
            cache.offer(f"{n}", entry(n, size=10_000))
            cache.flush()
            assert sum(path.stat().st_size for path in files(tmp_path)) <= MB
        kept = [n for n in range(40) if f"{n}" in cache]
    assert len(kept) > 20
    assert kept == list(range(40 - len(kept), 40))


def age(folder: Path, seconds: float) -> None:
    for path in files(folder):
        state = path.stat()
        os.utime(path, (state.st_atime - seconds, state.st_mtime - seconds))


def test_what_is_read_counts_as_used(tmp_path: Path) -> None:
    with opened(tmp_path, budget=100_000) as cache:
        for key in ("read", "not read"):
            cache.offer(key, entry(size=10_000))
        cache.flush()
        age(tmp_path, 100)
        assert cache.get("read") is not None
        cache.offer("new", entry(size=10_000))
        cache.flush()
        assert [key in cache for key in ("read", "not read", "new")] == [True, False, True]


def test_a_start_trims_what_is_too_much(tmp_path: Path) -> None:
    with opened(tmp_path) as cache:
        for n in range(20):
            cache.offer(f"{n}", entry(size=10_000))
    with opened(tmp_path, budget=200_000):
        pass
    assert 100_000 < sum(path.stat().st_size for path in files(tmp_path)) <= 200_000


def test_parts_that_a_dead_writer_left_are_swept_and_strange_files_are_left(tmp_path: Path) -> None:
    folder = tmp_path / "ab"
    folder.mkdir()
    for name in (".part-old", ".part-new"):
        (folder / name).write_bytes(b"x")
    os.utime(folder / ".part-old", (0, 0))
    (tmp_path / "notes.txt").write_text("mine")
    Shelf(tmp_path, 0, MB).sweep()
    assert [path.name for path in files(tmp_path)] == [".part-new", "notes.txt"]


def test_an_entry_larger_than_the_whole_budget_is_not_written(tmp_path: Path) -> None:
    with opened(tmp_path, budget=20_000) as cache:
        cache.offer("small", entry(size=1000))
        cache.offer("large", entry(size=10_000))
        cache.flush()
        assert ("small" in cache, "large" in cache) == (True, False)


def test_threads_may_read_write_and_drop_together(tmp_path: Path) -> None:
    with opened(tmp_path) as cache, ThreadPoolExecutor(8) as pool:

        def work(n: int) -> bool:
            key = n % 5
            cache.offer(f"{key}", entry(key))
            if n % 7 == 0:
                cache.drop(f"{key}")
            return number(cache.get(f"{key}")) in (None, float(key))

        assert all(pool.map(work, range(400)))


def test_what_does_not_fit_among_what_waits_is_not_kept(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 100 * MB, waiting=MB)
    for n in range(20):  # each finds the room that the one before it has given back
        cache.offer(f"{n}", entry(n, size=200_000))
        cache.flush()
    cache.offer("too much", entry(size=300_000))
    cache.close()
    assert all(f"{n}" in cache for n in range(20))
    assert "too much" not in cache


def run_python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


SHARING = """
    import sys, torch
    from pathlib import Path
    from engine.execution.cache import Entry
    from engine.execution.disk import DiskCache
    cache = DiskCache(Path(sys.argv[1]), 400_000)
    found = 0
    for n in range(300):
        key = n % 6
        cache.offer(f"{key}", Entry(((torch.full((20_000,), float(key)),),), None, 9.0))
        cache.flush()
        entry = cache.get(f"{(n * 5) % 6}")
        if entry is not None:
            assert bool((entry.values[0][0] == (n * 5) % 6).all())
            found += 1
        if n % 11 == 0:
            cache.drop(f"{key}")
    cache.close()
    print(found)
"""


def test_processes_share_a_folder_and_never_see_half_a_file(tmp_path: Path) -> None:
    both = [run_python(SHARING, tmp_path) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert int(out) > 100
        assert "unusable" not in err
    assert not [path for path in files(tmp_path) if path.name.startswith(".part")]


FULL = """
    import logging, resource, sys, torch
    from pathlib import Path
    from engine.execution.cache import Entry
    from engine.execution.disk import DiskCache
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    cache = DiskCache(Path(sys.argv[1]), 1 << 30)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
    for n in range(3):
        cache.offer(f"{n}", Entry(((torch.zeros(100_000),),), None, 9.0))
    cache.offer("small", Entry(((torch.zeros(10),),), None, 9.0))
    cache.flush()
    assert [n for n in range(3) if f"{n}" in cache] == []
    assert cache.get("small") is not None
    cache.close()
"""


def test_a_disk_that_takes_no_more_keeps_no_entry_and_says_so_once(tmp_path: Path) -> None:
    process = run_python(FULL, tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.count("cannot be kept on disk") == 1
    assert "--cache-disk 0" in out
    assert len(files(tmp_path)) == 1


def test_a_folder_that_cannot_be_made_keeps_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with caplog.at_level(logging.WARNING), opened(tmp_path / "cache") as cache:
        for key in "ab":
            cache.offer(key, entry())
        cache.flush()
        assert cache.get("a") is None
    assert caplog.text.count("cannot be kept on disk") == 1


def test_memory_answers_first_and_disk_fills_it(tmp_path: Path) -> None:
    with opened(tmp_path) as disk:
        cache = TieredCache(MemoryCache(MB), disk)
        one = entry(7.0)
        cache.put("a", one)
        assert cache.get("a") is one
        disk.flush()
        cache.clear()
        assert cache.bytes == 0
        assert cache.peek("a") is None
        assert "a" in cache
        found = cache.get("a")
        assert number(found) == 7.0
        assert cache.peek("a") is found
        cache.drop("a")
        assert "a" not in cache
        assert cache.get("a") is None


@pytest.mark.parametrize(
    ("mode", "again", "restart"),
    [
        (CacheMode(), True, True),
        (CacheMode(disk_gb=0), True, False),
        (CacheMode("lru", 1), True, True),
        (CacheMode("classic", 1), True, False),
        (CacheMode("none"), False, False),
        (CacheMode("none", disk_gb=1), True, True),
        (CacheMode("ram", free_gb=0), True, True),
        (CacheMode("ram", free_gb=1e6, disk_gb=0), True, False),
    ],
)
def test_each_mode_keeps_what_it_says(
    tmp_path: Path, mode: CacheMode, again: bool, restart: bool
) -> None:
    cache = make_cache(mode, 10 * MB, tmp_path, "")
    cache.begin("1", ["a"])
    cache.put("a", entry())
    cache.end("1")
    cache.close()
    # With more memory wanted free than there is, nothing stays past the end of a prompt.
    gone = mode.free_gb == 1e6
    assert (cache.get("a") is not None) is (again and not gone)
    other = make_cache(mode, 10 * MB, tmp_path, "")
    assert (other.get("a") is not None) is restart
    other.close()


def test_a_folder_of_its_own_can_be_chosen(tmp_path: Path) -> None:
    cache = make_cache(CacheMode(folder=tmp_path / "fast"), MB, tmp_path / "user", "")
    cache.put("a", entry())
    cache.close()
    assert [path.name for path in tmp_path.iterdir()] == ["fast"]


def test_closing_writes_what_waits_and_ends_the_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    cache = DiskCache(tmp_path, MB)
    cache.offer("a", entry())
    cache.close()
    cache.close()
    assert threading.active_count() == before
    assert len(files(tmp_path)) == 1
