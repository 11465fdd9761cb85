"""``/view`` and the page: files as they are, in parts, re-encoded, and not at all."""

import io

import pytest
from PIL import Image

from tests.web.server.serving import Server


@pytest.fixture(scope="module")
def shown(server: Server) -> Server:
    """A picture whose left half is transparent, in the output folder."""
    picture = Image.new("RGBA", (4, 2), (200, 10, 10, 255))
    picture.paste((10, 200, 10, 0), (0, 0, 2, 2))
    folder = server.base / "output" / "some folder"
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / "half.png")
    picture.save(server.base / "output" / "half.png")
    (server.base / "output" / "no-picture.png").write_text("text")
    return server


def opened(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


def test_a_file_comes_as_it_is(shown: Server):
    answer = shown.get("/view?filename=half.png")
    assert answer.body == (shown.base / "output" / "half.png").read_bytes()
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'filename="half.png"'
    assert shown.get("/api/view?filename=half.png&rand=0.5&type=output").status == 200


def test_folders_are_named_by_subfolder_only(shown: Server):
    assert shown.get("/view?filename=half.png&subfolder=some%20folder").status == 200
    assert shown.get("/view?filename=nowhere/half.png").status == 200, "only the base name counts"
    assert shown.get("/view?filename=half.png&subfolder=nowhere").status == 404


def test_a_name_may_say_its_place(shown: Server):
    assert shown.get("/view?filename=half.png%20[output]&type=input").status == 200
    assert shown.get("/view?filename=half.png%20[temp]").status == 404


def test_parts_and_unchanged_files_are_answered_as_such(shown: Server):
    whole = shown.get("/view?filename=half.png")
    part = shown.get("/view?filename=half.png", {"Range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"PNG")
    etag = {"If-None-Match": whole.headers["ETag"]}
    assert shown.get("/view?filename=half.png", etag).status == 304


@pytest.mark.parametrize(
    ("preview", "format"),
    [
        ("webp", "WEBP"),
        ("webp;50", "WEBP"),
        ("tiff", "WEBP"),
        ("webp;nonsense", "WEBP"),
        ("", "WEBP"),
    ],
)
def test_previews_are_encoded_again(shown: Server, preview: str, format: str):
    answer = shown.get(f"/view?filename=half.png&preview={preview}")
    assert answer.headers["Content-Type"] == f"image/{format.lower()}"
    assert opened(answer.body).format == format
    assert opened(answer.body).size == (4, 2)


def test_a_jpeg_preview_has_no_alpha(shown: Server):
    answer = shown.get("/view?filename=half.png&preview=jpeg;80&channel=rgb")
    assert opened(answer.body).format == "JPEG"
    assert shown.get("/view?filename=half.png&preview=jpeg").headers["Content-Type"] == "image/webp"


def test_channels_can_be_had_alone(shown: Server):
    rgb = opened(shown.get("/view?filename=half.png&channel=rgb").body)
    assert (rgb.format, rgb.mode) == ("PNG", "RGB")
    assert rgb.getpixel((0, 0)) == (10, 200, 10)
    alpha = opened(shown.get("/view?filename=half.png&channel=a").body)
    assert alpha.mode == "RGBA"
    assert [alpha.getpixel((x, 0))[3] for x in range(4)] == [0, 0, 255, 255]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("filename=", 400),
        ("filename=none.png", 404),
        ("filename=half.png&type=models", 400),
        ("filename=no-picture.png&preview=webp", 400),
        ("filename=no-picture.png&channel=rgb", 400),
        ("filename=some%20folder", 404),
        ("filename=%5Boutput%5D", 400),
    ],
)
def test_what_cannot_be_shown_is_said(shown: Server, query: str, status: int):
    answer = shown.get(f"/view?{query}")
    assert answer.status == status
    assert answer.json["error"]["message"].endswith(".")


def test_the_page_of_another_front_end_can_be_served(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("front")
    (root / "index.html").write_text("<!doctype html><title>other</title>")
    (root / "assets").mkdir()
    (root / "assets" / "a.js").write_text("export {}")
    server = Server(tmp_path_factory.mktemp("base"), "--front-end-root", str(root))
    try:
        page = server.get("/")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "no-cache"
        assert "script-src 'self';" in page.headers["Content-Security-Policy"]
        script = server.get("/assets/a.js")
        assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert script.headers["Cache-Control"] == "no-cache"
        etag = {"If-None-Match": script.headers["ETag"]}
        assert server.get("/assets/a.js", etag).status == 304
        assert server.get("/assets/b.js").status == 404
        assert server.get("/assets").status == 404
    finally:
        server.stop()
