"""S12: names that try to leave their folder get nowhere, on every route that takes a name."""

import http.client
import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.web.server.serving import Server, wait_for
from tests.web.server.test_security import own, raw

CANARY = "canary-of-the-path-tests"
STEPS = [
    "../",
    "..\\",
    "..\\/",
    "....//",
    "..;/",
    "../\\",
    "./../",
    ".../",
    "..//",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%2f",
    "..%5c",
    "%252e%252e%252f",
    "..%252f",
    "..%255c",
    "..%c0%af",
    "%c0%ae%c0%ae/",
    "..%ef%bc%8f",
    "．．/",
    "..\x00/",
]
GOALS = ["secret.txt", "output/../secret.txt", "etc/passwd", "windows/win.ini"]
WHOLE = [
    "/etc/passwd",
    "//etc/passwd",
    "\\\\server\\share\\x",
    "//server/share/x",
    "C:\\windows\\win.ini",
    "C:/windows/win.ini",
    "C:secret.txt",
    "file:///etc/passwd",
    "~/secret.txt",
    "~root/.bashrc",
    "/proc/self/environ",
    "/dev/stdin",
    "NUL",
    "con.png",
    "aux",
    "LPT1.txt",
    "secret.txt\x00.png",
    "x.png\n",
    "x.png:stream",
    "x.png::$DATA",
    "x" * 300,
    "a/" * 600 + "x",
    ".",
    "..",
    "...",
    " ",
    ". ",
    ".. ",
    "/",
    "\\",
    "%",
    "%00",
    "%2",
    "\u202e",
    "leak/secret.txt",
    "leak",
    "leak.txt",
]
PAYLOADS = (
    WHOLE
    + [step * depth + goal for step, depth, goal in itertools.product(STEPS, (1, 2, 8), GOALS[:1])]
    + [step * 6 + goal for step, goal in itertools.product(STEPS, GOALS[1:])]
    + [
        prefix + step * 3 + "secret.txt"
        for prefix, step in itertools.product(("x/", "./", "/"), STEPS)
    ]
)

GETS = [
    "/view?filename={}",
    "/api/view?filename={}&type=input",
    "/view?filename={}&preview=webp",
    "/view?filename={}&channel=rgb",
    "/view?filename=secret.txt&subfolder={}",
    "/view?filename=passwd&subfolder={}&type=temp",
    "/view?filename=x.png&type={}",
    "/models/{}",
    "/userdata/{}",
    "/userdata?dir={}",
    "/settings/{}",
    "/history/{}",
    "/object_info/{}",
    "/{}",
    "/assets/{}",
]


@pytest.fixture(scope="module")
def trap(server: Server) -> Iterator[Server]:
    """Secrets around the folders, and links inside them that lead out."""
    wait_for((server.base / "user" / "catalogue.json").exists)  # the last file it writes by itself
    (server.base / "secret.txt").write_text(CANARY)
    (server.base / "user" / "secret.txt").write_text(CANARY)
    for place in ("output", "input", "temp"):
        (server.base / place / "leak").symlink_to(server.base)
        (server.base / place / "leak.txt").symlink_to(server.base / "secret.txt")
    yield server
    for place in ("output", "input", "temp"):
        (server.base / place / "leak").unlink()
        (server.base / place / "leak.txt").unlink()


def test_the_corpus_is_large():
    assert len(set(PAYLOADS)) >= 200


@pytest.mark.parametrize("route", GETS)
def test_no_name_leads_out_of_its_folder(trap: Server, route: str):
    before = _files(trap.base)
    asking = http.client.HTTPConnection("127.0.0.1", trap.port, timeout=60)
    for payload in PAYLOADS:
        # As a careful client sends it, as a careless one does, and encoded twice.
        once = quote(payload, safe="")
        for sent in {once, quote(payload, safe="/.%~:;$\\"), quote(once, safe="")}:
            path = route.format(sent).replace("\\", "%5C")
            asking.request("GET", path)
            response = asking.getresponse()
            status, headers, body = response.status, response.headers, response.read()
            assert CANARY.encode() not in body, (route, payload)
            assert b"root:" not in body, (route, payload)
            assert status < 500, (route, payload, body)
            assert "text/html" not in headers.get("Content-Type", ""), (route, payload)
            if "filename={}" in route:
                assert status in (400, 403, 404), (route, payload)
    asking.close()
    assert _files(trap.base) == before


@pytest.mark.parametrize("payload", ["../secret.txt", "/etc/passwd", "..", "a/../../secret.txt"])
def test_names_that_climb_are_bad_requests(trap: Server, payload: str):
    assert trap.get(f"/view?filename={quote(payload, safe='')}").status == 400


@pytest.mark.parametrize("payload", ["..", "../", "/etc", "leak", "leak/user", "a/../.."])
def test_folders_that_lead_out_are_forbidden(trap: Server, payload: str):
    assert trap.get(f"/view?filename=secret.txt&subfolder={quote(payload, safe='')}").status == 403


@pytest.mark.parametrize("field", ["name", "subfolder", "type"])
def test_uploads_stay_in_their_folder(trap: Server, field: str):
    before = {p for p in _files(trap.base) if "input" not in p.parts}
    outside = _files(trap.base.parent) - _files(trap.base)
    for payload in PAYLOADS:
        status, _, body = _upload(trap, **{field: payload})
        assert status in (200, 400), (payload, body)
    assert {p for p in _files(trap.base) if "input" not in p.parts} == before
    assert _files(trap.base.parent) - _files(trap.base) == outside


def _upload(server: Server, name: str = "x.png", subfolder: str = "", type: str = "input"):
    from tests.web.server.test_upload import form, picture

    body, content_type = form({"subfolder": subfolder, "type": type}, name, picture(), escape=True)
    headers = {"Host": own(server), "Content-Type": content_type}
    return raw(server, "POST", "/upload/image", headers, body)


def _files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file() and "sqlite" not in p.name}
