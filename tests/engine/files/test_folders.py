"""Model lists and the pictures that nodes may open."""

from pathlib import Path

import pytest

from engine.files.confine import PathRefused
from engine.files.folders import FileMissing, Folders


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name)
    return path


def test_models_are_listed_from_all_roots_sorted(tmp_path: Path) -> None:
    make(tmp_path / "base/models/loras/z.safetensors")
    make(tmp_path / "base/models/loras/sub/a.SafeTensors")
    make(tmp_path / "base/models/loras/notes.txt")
    make(tmp_path / "base/models/loras/.hidden.safetensors")
    make(tmp_path / "shipped/loras/starter.safetensors")
    folders = Folders(tmp_path / "base", tmp_path / "shipped")
    assert folders.names("loras") == ("starter.safetensors", "sub/a.SafeTensors", "z.safetensors")
    assert folders.names("vae") == ()


def test_a_file_of_ones_own_wins_over_a_shipped_one(tmp_path: Path) -> None:
    mine = make(tmp_path / "base/models/loras/a.safetensors")
    make(tmp_path / "shipped/loras/a.safetensors")
    found = Folders(tmp_path / "base", tmp_path / "shipped").find("loras", "a.safetensors")
    assert found == mine.resolve()


def test_older_names_of_folders_are_searched_too(tmp_path: Path) -> None:
    make(tmp_path / "models/clip/l.safetensors")
    make(tmp_path / "models/text_encoders/g.safetensors")
    make(tmp_path / "models/unet/xl.safetensors")
    folders = Folders(tmp_path)
    assert folders.names("text_encoders") == ("g.safetensors", "l.safetensors")
    assert folders.find("text_encoders", "l.safetensors").parent.name == "clip"
    assert folders.names("diffusion_models") == ("xl.safetensors",)


def test_a_model_that_is_a_folder_is_listed_by_its_folder(tmp_path: Path) -> None:
    make(tmp_path / "models/diffusers/a/model_index.json")
    make(tmp_path / "models/diffusers/a/unet/config.json")
    make(tmp_path / "models/diffusers/sub/b/model_index.json")
    make(tmp_path / "models/diffusers/no/unet/diffusion_pytorch_model.safetensors")
    folders = Folders(tmp_path)
    assert folders.names("diffusers") == ("a", "sub/b")
    assert folders.find("diffusers", "sub/b").name == "model_index.json"
    with pytest.raises(FileMissing, match="'no' is not in models/diffusers"):
        folders.find("diffusers", "no")
    with pytest.raises(PathRefused):
        folders.find("diffusers", "../diffusers/a")


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        FileMissing, match=r"'a\.safetensors' is not in models/loras\. Put the file"
    ):
        Folders(tmp_path).find("loras", "a.safetensors")


def test_a_model_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    make(tmp_path / "models/vae/a.safetensors")
    with pytest.raises(PathRefused):
        Folders(tmp_path).find("loras", "../vae/a.safetensors")


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    make(tmp_path / "models/loras/a.safetensors")
    (tmp_path / "models/loras/loop").symlink_to(tmp_path / "models/loras")
    assert Folders(tmp_path).names("loras") == ("a.safetensors",)


def test_pictures_may_be_annotated_with_their_place(tmp_path: Path) -> None:
    make(tmp_path / "input/a.png")
    make(tmp_path / "output/sub/b.png")
    folders = Folders(tmp_path)
    assert folders.find_picture("a.png").name == "a.png"
    assert folders.find_picture("sub/b.png [output]").name == "b.png"
    with pytest.raises(FileMissing, match="not in the input folder"):
        folders.find_picture("b.png")
    with pytest.raises(PathRefused):
        folders.find_picture("../input/a.png [output]")


def test_places_can_be_moved(tmp_path: Path) -> None:
    folders = Folders(tmp_path, places={"output": tmp_path / "elsewhere"})
    assert folders.output == tmp_path / "elsewhere"
    assert folders.input == tmp_path / "input"
