"""A file is written once for its claim, whatever happens in between; nothing is overwritten."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.files.once import sweep, write_once
from tests.support import REPOSITORY

_DAY = 24 * 60 * 60


def named(folder: Path) -> Callable[[int], Path]:
    return lambda number: folder / f"{number:03}"


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def claims(root: Path) -> list[str]:
    return [path.name for path in (root / ".saving").iterdir()]


def test_each_claim_has_a_file_and_the_next_free_number(tmp_path: Path) -> None:
    (tmp_path / "001").write_text("another's")
    paths = [write_once(tmp_path, claim, named(tmp_path), claim.encode()) for claim in "ab"]
    assert [(p.name, p.read_text()) for p in paths] == [("002", "a"), ("003", "b")]
    assert (tmp_path / "001").read_text() == "another's"


def test_a_claim_that_was_written_is_not_written_again(tmp_path: Path) -> None:
    first = write_once(tmp_path, "a", named(tmp_path / "one"), b"first")
    again = write_once(tmp_path, "a", named(tmp_path / "other day"), b"second")
    assert again == first
    assert first.read_bytes() == b"first"
    assert not files(tmp_path / "other day")


def test_a_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    write_once(tmp_path, "a", named(tmp_path), b"first").unlink()
    assert write_once(tmp_path, "a", named(tmp_path), b"second").exists()
    assert files(tmp_path) == ["001"]


def test_a_name_that_somebody_took_meanwhile_stays_theirs(tmp_path: Path) -> None:
    mine = write_once(tmp_path, "a", named(tmp_path), b"mine")
    mine.unlink()  # as if the attempt had been cut off before its link
    write_once(tmp_path, "b", named(tmp_path), b"theirs")
    assert write_once(tmp_path, "a", named(tmp_path), b"mine").name == "002"
    assert mine.read_bytes() == b"theirs"


def test_many_writers_never_share_a_name(tmp_path: Path) -> None:
    def write(n: int) -> Path:
        return write_once(tmp_path, str(n), named(tmp_path), str(n).encode())

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(40)))
    assert sorted(p.name for p in paths) == [f"{n:03}" for n in range(1, 41)]
    assert sorted(int(p.read_bytes()) for p in paths) == list(range(40))


def test_two_attempts_at_one_claim_share_a_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda n: write_once(tmp_path, "a", named(tmp_path), b"a"), range(16)))
    assert len(paths) == 1
    assert files(tmp_path) == ["001"]


_WRITER = """
import sys
from pathlib import Path
from engine.files.once import write_once
root = Path(sys.argv[1])
print("go", flush=True)
for n in range(int(sys.argv[2])):
    write_once(root, str(n), lambda number: root / f"{number:03}", b"%d" % n * 100_000)
"""


def test_killed_at_any_moment_it_leaves_each_file_once(tmp_path: Path) -> None:
    chance = random.Random(3)
    command = [sys.executable, "-c", _WRITER, str(tmp_path), "12"]
    for _ in range(15):
        writer = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.random() * 0.02)
        writer.kill()
        writer.communicate()
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    assert len(files(tmp_path)) == 12
    assert sorted((tmp_path / name).read_bytes() for name in files(tmp_path)) == sorted(
        b"%d" % n * 100_000 for n in range(12)
    )


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError):
        write_once(tmp_path, "a", lambda number: tmp_path / "file" / str(number), b"a")
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(OSError):
        write_once(root, "a", lambda number: root / ("x" * 300), b"a")
    assert [name for name in claims(root) if not name.endswith(".name")] == []


def test_old_claims_are_forgotten_and_their_files_stay(tmp_path: Path) -> None:
    sweep(tmp_path)
    paths = {name: write_once(tmp_path, name, named(tmp_path), b"x") for name in ("a", "b", "c")}
    paths["b"].unlink()
    sweep(tmp_path)
    assert len(claims(tmp_path)) == 6
    for path in (tmp_path / ".saving").iterdir():
        os.utime(path, (0, time.time() - 2 * _DAY))
    sweep(tmp_path)
    assert len(claims(tmp_path)) == 4, "the file of one was deleted"
    for path in (tmp_path / ".saving").iterdir():
        os.utime(path, (0, time.time() - 40 * _DAY))
    sweep(tmp_path)
    assert claims(tmp_path) == []
    assert paths["a"].exists()
    assert paths["c"].exists()
