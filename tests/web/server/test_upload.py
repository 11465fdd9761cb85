"""S13: uploads are pictures, of a bounded size, under a safe name, and overwrite nothing."""

import io
import struct
import zlib
from urllib.parse import quote

import pytest
from PIL import Image

from tests.web.server.serving import Answer, Server


def picture(colour: str = "red", size: tuple[int, int] = (4, 4), format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format=format)
    return buffer.getvalue()


def form(
    fields: dict[str, str], name: str | None, content: bytes, *, escape: bool = False
) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    parts = [
        f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
        for key, value in fields.items()
    ]
    if name is not None:
        shown = f"filename*=UTF-8''{quote(name, safe='')}" if escape else f'filename="{name}"'
        head = f'Content-Disposition: form-data; name="image"; {shown}\r\n\r\n'
        parts.insert(0, head.encode() + content)
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return body, "multipart/form-data; boundary=edge"


def upload(server: Server, name: str | None, content: bytes, **fields: str) -> Answer:
    body, content_type = form(fields, name, content)
    return server.post("/upload/image", body, {"Content-Type": content_type})


def test_a_picture_is_kept_and_can_be_seen(server: Server):
    content = picture()
    answer = upload(server, "cat.png", content)
    assert answer.status == 200
    assert answer.json == {"name": "cat.png", "subfolder": "", "type": "input"}
    seen = server.get("/view?filename=cat.png&type=input")
    assert seen.body == content
    assert seen.headers["Content-Type"] == "image/png"
    assert (
        "cat.png"
        in server.get("/object_info/LoadImage").json["LoadImage"]["input"]["required"]["image"][0]
    )


def test_folders_are_made_and_answered(server: Server):
    answer = upload(server, "x.png", picture(), subfolder="a/b", type="temp")
    assert answer.json == {"name": "x.png", "subfolder": "a/b", "type": "temp"}
    assert server.get("/view?filename=x.png&type=temp&subfolder=a/b").status == 200


def test_an_existing_picture_is_kept_and_an_equal_one_used_again(server: Server):
    first, second = picture("green"), picture("blue")
    assert upload(server, "same.png", first).json["name"] == "same.png"
    assert upload(server, "same.png", first).json["name"] == "same.png"
    assert upload(server, "same.png", second).json["name"] == "same (1).png"
    assert upload(server, "same.png", picture("white")).json["name"] == "same (2).png"
    assert server.get("/view?filename=same.png&type=input").body == first


@pytest.mark.parametrize("yes", ["true", "1"])
def test_overwriting_must_be_asked_for(server: Server, yes: str):
    upload(server, f"over{yes}.png", picture("green"))
    new = picture("blue")
    assert upload(server, f"over{yes}.png", new, overwrite=yes).json["name"] == f"over{yes}.png"
    assert server.get(f"/view?filename=over{yes}.png&type=input").body == new


@pytest.mark.parametrize(
    ("name", "used"),
    [("blob", "blob.png"), ("page.html", "page.html.png"), ("ünï cödé.png", "ünï cödé.png")],
)
def test_names_get_the_suffix_of_what_they_are(server: Server, name: str, used: str):
    assert upload(server, name, picture("gray")).json["name"] == used


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_the_usual_formats_are_pictures(server: Server, format: str):
    assert upload(server, f"f.{format.lower()}", picture(format=format)).status == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        b"\x80\x04cos\nsystem\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        picture()[:40],
        picture(size=(64, 64))[:-30],
        b"GIF89a",
    ],
)
def test_what_is_no_whole_picture_is_refused(server: Server, content: bytes):
    before = set((server.base / "input").rglob("*"))
    answer = upload(server, "x.png", content)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "no_picture"
    assert set((server.base / "input").rglob("*")) == before


def test_a_bomb_of_pixels_is_refused_unopened(server: Server):
    chunk = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    header = b"IHDR" + chunk
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    bomb += struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IEND\xaeB`\x82"
    answer = upload(server, "bomb.png", bomb)
    assert answer.status == 400
    assert "pixels" in answer.json["error"]["message"]


def test_size_is_counted_while_it_streams(server: Server):
    before = set((server.base / "input").rglob("*"))
    answer = upload(server, "big.png", picture() + b"\0" * (33 * 2**20))
    assert answer.status == 413
    assert "32 MiB" in answer.json["error"]["message"]
    assert set((server.base / "input").rglob("*")) == before


@pytest.mark.parametrize("fields", [{"type": "output2"}, {"type": "user"}, {"type": "../user"}])
def test_unknown_places_are_refused(server: Server, fields: dict[str, str]):
    assert upload(server, "x.png", picture(), **fields).status == 400


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=edge"),
        (b"--edge\r\n", "multipart/form-data; boundary=edge"),
        (b"--other\r\n\r\nx\r\n--other--", "multipart/form-data; boundary=edge"),
        (b"x", "multipart/form-data"),
        (b"{}", "application/json"),
        (form({}, None, b"")[0], "multipart/form-data; boundary=edge"),
        (form({"image": "text"}, None, b"")[0], "multipart/form-data; boundary=edge"),
        (form({"type": "x" * 2**17}, "x.png", picture())[0], "multipart/form-data; boundary=edge"),
    ],
)
def test_damaged_uploads_are_answered(server: Server, body: bytes, content_type: str):
    answer = server.post("/upload/image", body, {"Content-Type": content_type})
    assert answer.status in (400, 413)
    assert answer.json["error"]["message"]
