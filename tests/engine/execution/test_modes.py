"""The flags that say how results are kept."""

import argparse
from pathlib import Path

import pytest

from engine.execution.modes import GB, CacheMode, add_cache_flags, cache_mode


def parsed(*flags: str) -> CacheMode:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_cache_flags(parser)
    return cache_mode(parser.parse_args(flags))


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        ("", CacheMode()),
        ("--cache-classic", CacheMode("classic", 1)),
        ("--cache-lru 10", CacheMode("lru", 10)),
        ("--cache-lru 0", CacheMode()),
        ("--cache-none", CacheMode("none")),
        ("--cache-ram", CacheMode("ram")),
        ("--cache-ram 4", CacheMode("ram", free_gb=4.0)),
        ("--cache-ram 4 6.5", CacheMode("ram", free_gb=6.5)),
        ("--cache-disk 0", CacheMode(disk_gb=0.0)),
        ("--cache-none --cache-disk 2", CacheMode("none", disk_gb=2.0)),
        ("--cache-dir /fast", CacheMode(folder=Path("/fast"))),
    ],
)
def test_flags_are_read_and_can_be_handed_on(flags: str, mode: CacheMode) -> None:
    assert parsed(*flags.split()) == mode
    assert parsed(*mode.flags()) == mode


@pytest.mark.parametrize(
    "flags",
    [
        "--cache-classic --cache-none",
        "--cache-lru 2 --cache-ram",
        "--cache-lru -1",
        "--cache-lru many",
        "--cache-disk -1",
        "--cache-disk nan",
        "--cache-ram inf",
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: str) -> None:
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parsed(*flags.split())


def test_the_disk_is_used_unless_the_mode_is_about_keeping_nothing() -> None:
    assert CacheMode().disk_bytes == CacheMode("ram").disk_bytes == 10 * GB
    assert CacheMode("lru", 3).disk_bytes == 10 * GB
    assert CacheMode("classic", 1).disk_bytes == CacheMode("none").disk_bytes == 0
    assert CacheMode("none", disk_gb=0.5).disk_bytes == GB // 2
    assert CacheMode(disk_gb=0).disk_bytes == 0


@pytest.mark.parametrize(("total", "free"), [(4, 2), (16, 4), (64, 16), (1024, 32)])
def test_without_a_number_a_quarter_of_the_memory_stays_free(total: int, free: int) -> None:
    assert CacheMode("ram").headroom(total * GB) == free * GB
    assert CacheMode("ram", free_gb=1.5).headroom(total * GB) == GB * 3 // 2
