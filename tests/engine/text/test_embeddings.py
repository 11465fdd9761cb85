"""Files of embeddings in all their formats, and how they are found."""

import base64
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.text.chunks import tokenize
from engine.text.embedding_file import PICTURE_KEY, EmbeddingError, read_embedding
from engine.text.embeddings import EmbeddingFacts, Embeddings, NetworkLexicon, misfit
from engine.weights.handles import WeightsFile

ROWS = torch.arange(6.0).reshape(2, 3)


def webui(parameters: object) -> dict[str, Any]:
    return {"string_to_token": {"*": 265}, "string_to_param": parameters, "name": "x", "step": 5}


def old_parameters() -> nn.ParameterDict:
    """A module as versions of torch before 1.12 kept its parameters."""
    module = nn.ParameterDict.__new__(nn.ParameterDict)
    module.__dict__ |= {
        "training": True,
        "_parameters": OrderedDict({"*": nn.Parameter(ROWS)}),
        "_buffers": OrderedDict(),
    }
    return module


PICKLES: dict[str, Any] = {
    "webui": webui({"*": ROWS}),
    "parameter": webui({"*": nn.Parameter(ROWS)}),
    "diffusers": {"<cat>": ROWS},
    "list": [{"a": ROWS[:1], "b": torch.zeros(2, 7)}, {"c": ROWS[1]}],
    "bare": ROWS,
    "half": {"<cat>": ROWS.half()},
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", PICKLES)
def test_pickles_of_all_kinds_are_read(tmp_path: Path, kind: str, zipped: bool) -> None:
    path = tmp_path / "e.pt"
    torch.save(PICKLES[kind], path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(read_embedding(WeightsFile.of(path)).vectors("l", 3), ROWS)


SAFETENSORS: list[tuple[dict[str, Tensor], str, Tensor]] = [
    ({"emb_params": ROWS}, "l", ROWS),
    ({"<cat>": ROWS[0].clone()}, "l", ROWS[:1]),
    ({"clip_g": ROWS + 1, "clip_l": ROWS}, "l", ROWS),
    ({"clip_g": ROWS + 1, "clip_l": ROWS}, "g", ROWS + 1),
    ({"bundle_emb.a.string_to_param.*": ROWS, "lora_x.up": ROWS + 1}, "l", ROWS),
    ({"bundle_emb.a.clip_l": ROWS, "bundle_emb.a.clip_g": ROWS + 1}, "g", ROWS + 1),
]


@pytest.mark.parametrize(
    "module", [nn.ParameterDict({"*": nn.Parameter(ROWS)}), old_parameters()], ids=["new", "old"]
)
def test_modules_of_parameters_are_read_without_being_made(
    tmp_path: Path, module: nn.ParameterDict
) -> None:
    path = tmp_path / "e.pt"
    torch.save(webui(module), path)
    assert torch.equal(read_embedding(WeightsFile.of(path)).vectors("l"), ROWS)


@pytest.mark.parametrize(("tensors", "kind", "rows"), SAFETENSORS)
def test_safetensors_of_all_kinds_are_read(
    tmp_path: Path, tensors: dict[str, Tensor], kind: str, rows: Tensor
) -> None:
    path = tmp_path / "e.safetensors"
    save_file(tensors, path)
    assert torch.equal(read_embedding(WeightsFile.of(path)).vectors(kind), rows)


def test_a_picture_of_an_embedding_is_read(tmp_path: Path) -> None:
    held = webui({"*": {"TORCHTENSOR": ROWS.tolist()}})
    info = PngInfo()
    info.add_text(PICTURE_KEY, base64.b64encode(json.dumps(held).encode()).decode())
    Image.new("RGB", (8, 8)).save(tmp_path / "e.png", pnginfo=info)
    found = Embeddings([tmp_path]).find("e")
    assert found is not None
    assert torch.equal(found.vectors("l"), ROWS)


class Code:
    def __reduce__(self) -> Any:
        return (print, ("this was run",))


def damaged(path: Path, kind: str) -> None:
    match kind:
        case "code":
            torch.save(webui({"*": Code()}), path)
        case "cut off":
            torch.save(webui({"*": ROWS}), path)
            path.write_bytes(path.read_bytes()[:300])
        case "no vectors":
            torch.save({"name": "x"}, path)
        case "not finite":
            torch.save({"<x>": ROWS / 0}, path)
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not found")
        case "picture":
            Image.new("RGB", (8, 8)).save(path, format="PNG")


@pytest.mark.parametrize(
    "kind", ["code", "cut off", "no vectors", "not finite", "empty", "text", "picture"]
)
def test_a_file_that_cannot_be_used_is_told(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged(tmp_path / "bad.pt", kind)
    lexicon = NetworkLexicon(Embeddings([tmp_path]), "l", 3)
    with pytest.raises(EmbeddingError, match=r"bad\.pt"):
        tokenize("embedding:bad", lexicon=lexicon)
    assert capsys.readouterr().out == ""


@pytest.fixture
def folders(tmp_path: Path) -> Embeddings:
    first, second = tmp_path / "first", tmp_path / "second"
    for number, path in enumerate(
        [
            first / "deep" / "same.pt",
            first / "other.safetensors",
            first / "other.pt",
            second / "same.safetensors",
            tmp_path / "outside.pt",
        ]
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        tensor = {"emb_params": torch.full((1, 3), float(number))}
        save_file(tensor, path) if path.suffix == ".safetensors" else torch.save(tensor, path)
    return Embeddings([first, second])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("same", 0),
        ("deep/same", 0),
        ("same.safetensors", 3),
        ("other", 1),
        ("other.pt", 2),
        ("missing", None),
        ("", None),
        ("../outside", None),
        ("/etc/passwd", None),
        ("deep/../../outside", None),
        ("a\0b", None),
    ],
)
def test_names_are_found_in_search_order_and_nowhere_else(
    folders: Embeddings, name: str, number: int | None
) -> None:
    found = folders.find(name)
    assert (None if found is None else found.vectors("l")[0, 0].item()) == number


def test_all_names_are_listed_once(folders: Embeddings) -> None:
    assert folders.names == ("other", "same")


def test_embeddings_that_a_lora_brings_along_are_found_first(tmp_path: Path) -> None:
    save_file(
        {"bundle_emb.my.style.string_to_param.*": ROWS, "bundle_emb.two.clip_l": ROWS + 1},
        tmp_path / "lora.safetensors",
    )
    bundle = read_embedding(WeightsFile.of(tmp_path / "lora.safetensors"))
    embeddings = Embeddings([tmp_path], [bundle])
    assert embeddings.names[:2] == ("my.style", "two")
    for name, rows in (("my.style", ROWS), ("two", ROWS + 1)):
        found = embeddings.find(name)
        assert found is not None
        assert torch.equal(found.vectors("l"), rows)


@pytest.mark.parametrize(
    ("tensors", "facts"),
    [
        ({"emb_params": torch.zeros(4, 768)}, (4, "SD1")),
        ({"emb_params": torch.zeros(1024)}, (1, "SD2")),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, (2, "SDXL")),
        ({"clip_g": torch.zeros(3, 1280)}, (3, "SDXL")),
        ({"t5xxl": torch.zeros(3, 4096)}, (3, "T5")),
        ({"emb_params": torch.zeros(3, 10)}, (3, "an unknown family")),
    ],
)
def test_a_menu_can_tell_how_many_vectors_and_for_whom(
    tmp_path: Path, tensors: dict[str, Tensor], facts: tuple[int, str]
) -> None:
    save_file(tensors, tmp_path / "e.safetensors")
    assert Embeddings([tmp_path]).facts("e") == EmbeddingFacts("e", *facts)
    assert Embeddings([tmp_path]).facts("none") is None


def test_a_misfit_is_told_with_both_widths(folders: Embeddings) -> None:
    assert NetworkLexicon(folders, "l", 768).rows("same") == ()
    told = misfit("same", folders, [("l", 768)])
    assert "width 3 (an unknown family)" in told
    assert "takes 768" in told
