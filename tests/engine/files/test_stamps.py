"""A stamp tells what a file holds, and reads it again only when it may have changed."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.files.stamps import BIG, Stamps

LONG_AGO = 1_600_000_000


def put(path: Path, data: bytes, time: float = LONG_AGO) -> Path:
    path.write_bytes(data)
    os.utime(path, (time, time))
    return path


def test_equal_contents_have_equal_stamps_and_others_others(tmp_path: Path) -> None:
    stamps = Stamps()
    a, b, c = (put(tmp_path / name, data) for name, data in (("a", b"x"), ("b", b"x"), ("c", b"y")))
    assert stamps.of(a) == stamps.of(b) != stamps.of(c)


def test_a_file_that_was_only_touched_keeps_its_stamp(tmp_path: Path) -> None:
    stamps, path = Stamps(), put(tmp_path / "a", b"same")
    first = stamps.of(path)
    put(path, b"same", LONG_AGO + 100)
    assert stamps.of(path) == first


def test_another_file_of_the_same_length_has_another_stamp(tmp_path: Path) -> None:
    stamps, path = Stamps(), put(tmp_path / "a", b"first")
    first = stamps.of(path)
    put(path, b"other", LONG_AGO + 100)
    assert stamps.of(path) != first


def test_a_file_moved_here_with_the_same_length_and_time_has_another_stamp(tmp_path: Path) -> None:
    stamps, path = Stamps(), put(tmp_path / "a", b"first")
    first = stamps.of(path)
    put(tmp_path / "b", b"other").replace(path)
    assert stamps.of(path) != first


def test_a_file_written_twice_within_the_grain_of_its_clock_is_noticed(tmp_path: Path) -> None:
    stamps, path = Stamps(), tmp_path / "a"
    path.write_bytes(b"first")
    state = path.stat()
    first = stamps.of(path)
    path.write_bytes(b"other")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert stamps.of(path) != first


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    stamps, path = Stamps(), put(tmp_path / "a", b"first")
    first = stamps.of(path)
    state = path.stat()
    with path.open("r+b") as file:  # behind the back of everybody who looks at the time
        file.write(b"other")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert stamps.of(path) == first
    assert Stamps().of(path) != first


def big(path: Path, head: bytes, tail: bytes, time: float = LONG_AGO) -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.seek(BIG + 1 - len(tail))
        file.write(tail)
    os.utime(path, (time, time))
    return path


def test_a_big_file_is_told_by_size_time_beginning_and_end(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    found = {
        Stamps().of(big(path, head, tail, time))
        for head in (b"1", b"2")
        for tail in (b"1", b"2")
        for time in (LONG_AGO, LONG_AGO + 1)
    }
    assert len(found) == 8
    assert Stamps().of(path) == Stamps().of(path)


def test_a_file_of_just_the_limit_is_read_completely(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(BIG)
    first = Stamps().of(path)
    with path.open("r+b") as file:
        file.seek(BIG // 2)
        file.write(b"x")
    assert Stamps().of(path) != first


def test_what_is_no_file_says_so(tmp_path: Path) -> None:
    stamps = Stamps()
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError):
            stamps.of(path)
    path = put(tmp_path / "a", b"x")
    stamps.of(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        stamps.of(path)


def test_the_memo_survives_a_restart(tmp_path: Path) -> None:
    memo, path = tmp_path / "cache" / "stamps.json", put(tmp_path / "a", b"x")
    first = Stamps(memo)
    stamp = first.of(path)
    first.save()
    rows = json.loads(memo.read_text())
    rows[str(path)][3] = "remembered"
    memo.write_text(json.dumps(rows))
    assert Stamps(memo).of(path) == "remembered"
    put(path, b"y", LONG_AGO + 1)
    assert Stamps(memo).of(path) not in (stamp, "remembered")


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    memo = tmp_path / "stamps.json"
    stamps = Stamps(memo)
    stamps.save()
    assert not memo.exists()
    stamps.of(put(tmp_path / "a", b"x"))
    stamps.save()
    memo.unlink()
    stamps.save()
    assert not memo.exists()


@given(
    st.binary(max_size=50)
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
    | st.just(b"[" * 100_000)
    | st.lists(st.integers() | st.text() | st.booleans(), max_size=5).map(
        lambda row: json.dumps({"a": row}).encode()
    )
)
def test_a_damaged_memo_is_taken_for_empty(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("memo")
    (folder / "memo").write_bytes(data)
    path = put(folder / "a", b"x")
    assert Stamps(folder / "memo").of(path) == Stamps().of(path)


def test_only_the_files_asked_for_last_are_remembered(tmp_path: Path) -> None:
    memo = tmp_path / "memo"
    stamps = Stamps(memo, limit=3)
    paths = [put(tmp_path / f"{n}", bytes([n])) for n in range(5)]
    for path in (*paths[:3], paths[0], *paths[3:]):
        stamps.of(path)
    stamps.save()
    assert list(json.loads(memo.read_text())) == [str(paths[n]) for n in (0, 3, 4)]


def test_many_threads_get_the_same_stamps(tmp_path: Path) -> None:
    paths = [put(tmp_path / f"{n}", bytes([n]) * 1000) for n in range(20)]
    stamps = Stamps(limit=5)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(stamps.of, paths * 10))
    assert found == [Stamps().of(path) for path in paths] * 10
