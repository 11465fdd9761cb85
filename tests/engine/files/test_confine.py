"""One function decides what a client's file name may mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.files.confine import PathRefused, confine


@pytest.mark.parametrize(
    "name", ["a.png", "sub/a.png", "sub/./a.png", "ünï/日本.png", "a b.png", ".x"]
)
def test_names_below_the_root_are_resolved(tmp_path: Path, name: str) -> None:
    assert confine(tmp_path, name) == (tmp_path / name).resolve()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "//server/share",
        "\\\\server\\share",
        "C:\\x",
        "C:x",
        "file:x",
        "a.png:stream",
        "../a",
        "sub/../../a",
        "sub/..",
        "..",
        "~/a",
        "~root/a",
        "a\0.png",
        "a\nb",
        "a\x7fb",
        "a\ud800b",
        "sub\\a",
        "CON",
        "sub/nul.png",
        "com1.txt",
        "a./b",
        "a /b",
        "a.",
        "...",
        ". .",
        "x" * 2000,
        "é" * 200,
    ],
)
def test_names_that_try_to_leave_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PathRefused, match="refused"):
        confine(tmp_path, name)


def test_a_link_inside_may_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "root" / "folder").symlink_to(tmp_path)
    for name in ("link", "folder/secret"):
        with pytest.raises(PathRefused, match="leads out"):
            confine(tmp_path / "root", name)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert confine(tmp_path / "root", "a") == (tmp_path / "real" / "a").resolve()


@given(st.text(alphabet=st.sampled_from("./\\~:ab\0 CON"), max_size=12) | st.text(max_size=12))
def test_whatever_is_accepted_stays_inside(name: str) -> None:
    root = Path("/some/root")
    try:
        path = confine(root, name)
    except PathRefused:
        return
    assert path == root or root in path.parents
