"""Files are written whole or not at all, and saved pictures never overwrite one another."""

from pathlib import Path

import pytest

from engine.files.atomic import write_atomic
from engine.files.confine import PathRefused
from engine.files.naming import output_names


def test_write_atomic_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        write_atomic(tmp_path / "deep" / "file", data)
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "deep").iterdir()] == [("file", b"two")]


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "inside").write_text("x")
    with pytest.raises(OSError):
        write_atomic(tmp_path / "file", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_numbers_go_on_after_the_highest(tmp_path: Path) -> None:
    for name in ("cat_00007_.png", "cat_extra_00050_.png", "dog_00009_.png"):
        (tmp_path / name).write_text("x")
    assert output_names(tmp_path, "cat").write(".png", b"x", "claim").name == "cat_00008_.png"
    assert (tmp_path / "cat_00007_.png").read_text() == "x"


def test_a_prefix_may_name_folders_and_sizes(tmp_path: Path) -> None:
    names = output_names(tmp_path, "a/b/%width%x%height%-%unknown%", 64, 32)
    path = names.write(".png", b"x", "claim")
    assert path.relative_to(tmp_path.resolve()).as_posix() == "a/b/64x32-%unknown%_00001_.png"


@pytest.mark.parametrize("prefix", ["../x", "/x", "a/../../x", "..\\x", "a\0b", "C:\\x"])
def test_a_prefix_cannot_leave_the_folder(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(PathRefused):
        output_names(tmp_path, prefix)
