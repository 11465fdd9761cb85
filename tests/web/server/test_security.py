"""The statements about network and browser, by their numbers in the specification."""

import http.client
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.web.server.serving import Server, chain, wait_for
from web.server.routes import ROUTES

JSON = {"Content-Type": "application/json"}
EVERYWHERE = [
    "/",
    "/prompt",
    "/object_info",
    "/view?filename=x.png",
    "/system_stats",
    "/nothing.js",
]


def raw(server: Server, method: str, path: str, headers: Mapping[str, str], body: bytes = b""):
    """A request with exactly these headers, the Host header included."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body:
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def own(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def test_s1_only_this_machine_is_served_by_default(server: Server):
    assert server.address.startswith("http://127.0.0.1:")
    listening = Path("/proc/net/tcp").read_text()
    assert f" 0100007F:{server.port:04X} " in listening
    assert f" 00000000:{server.port:04X} " not in listening


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:8188", "127.0.0.1.evil.test", "", "[", "10.0.0.1"]
)
def test_s2_foreign_host_names_are_refused_everywhere(server: Server, path: str, host: str):
    status, _, body = raw(server, "GET", path, {"Host": host})
    assert status == 403
    assert b"host name" in body


def test_s2_a_request_without_a_host_is_refused(server: Server):
    assert raw(server, "GET", "/prompt", {})[0] in (400, 403)


@pytest.mark.parametrize(
    "host", ["localhost:{}", "127.0.0.1:{}", "127.0.0.1", "[::1]:{}", "LOCALHOST"]
)
def test_s2_this_machine_s_own_names_are_served(server: Server, host: str):
    assert raw(server, "GET", "/prompt", {"Host": host.format(server.port)})[0] == 200


FOREIGN = [
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1.evil.test"},
    {"Origin": "file://"},
    {"Origin": "nonsense"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    "path", ["/prompt", "/api/prompt", "/interrupt", "/queue", "/upload/image", "/free"]
)
def test_s3_foreign_pages_change_nothing(server: Server, headers: dict[str, str], path: str):
    body = json.dumps({"prompt": chain(), "clear": True}).encode()
    status, _, answer = raw(server, "POST", path, {"Host": own(server), **JSON, **headers}, body)
    assert status == 403
    assert json.loads(answer)["error"]["type"] == "origin_refused"


def test_s3_the_own_page_and_scripts_may(server: Server):
    body = json.dumps({}).encode()
    for headers in (
        {},
        {"Origin": f"http://{own(server)}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        sent = {"Host": own(server), **JSON, **headers}
        assert raw(server, "POST", "/free", sent, body)[0] == 200


def test_s3_links_from_elsewhere_open_the_page_but_foreign_pages_embed_nothing(server: Server):
    foreign = {"Host": own(server), "Sec-Fetch-Site": "cross-site"}
    assert raw(server, "GET", "/prompt", {**foreign, "Sec-Fetch-Mode": "navigate"})[0] == 200
    assert raw(server, "GET", "/prompt", {**foreign, "Sec-Fetch-Mode": "no-cors"})[0] == 403


@pytest.mark.parametrize("headers", [*FOREIGN[:6], {"Host": "evil.test"}], ids=str)
async def test_s4_foreign_websockets_are_refused(server: Server, headers: dict[str, str]):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{server.address}/ws", headers=headers)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_s6_browsers_must_say_json(server: Server, kind: str):
    browser = {"Host": own(server), "Sec-Fetch-Site": "same-origin", "Content-Type": kind}
    assert raw(server, "POST", "/free", browser, b"{}")[0] == 415
    script = {"Host": own(server), "Content-Type": kind}
    assert raw(server, "POST", "/free", script, b"{}")[0] == 200


def test_s5_asking_changes_nothing(server: Server):
    def state() -> tuple[object, ...]:
        files = sorted(p for p in server.base.rglob("*") if p.is_file() and "sqlite" not in p.name)
        rows = [server.get(path).body for path in ("/queue", "/history", "/settings")]
        return files, [p.stat().st_mtime_ns for p in files], rows

    wait_for((server.base / "user" / "catalogue.json").exists)
    before = state()
    for method, path, _ in ROUTES:
        if method == "GET":
            asked = path.replace("{id}", "x").replace("{class}", "x").replace("{folder}", "vae")
            for way in ("GET", "HEAD"):
                answer = server.ask(way, asked.replace("{file}", "x") + "?clear=true", None)
                assert answer.status < 500
    assert state() == before


def test_s7_cross_origin_sharing_is_off(server: Server):
    headers = server.get("/object_info").headers
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert server.ask("OPTIONS", "/prompt", None).status == 405


@pytest.mark.parametrize("path", EVERYWHERE)
def test_s9_every_answer_has_the_protecting_headers(server: Server, path: str):
    headers = server.get(path).headers
    policy = headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name", ["x.html", "x.svg", "x.xml", "x.js", "x.pdf", "x.xhtml", "x.HTM", "x"]
)
def test_s10_what_a_browser_could_run_is_a_download_in_a_sandbox(server: Server, name: str):
    (server.base / "output" / name).write_text("<script>alert(1)</script>")
    answer = server.get(f"/view?filename={name}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


def test_s33_pictures_are_kept_by_no_shared_cache(server: Server):
    (server.base / "temp" / "p.png").write_bytes(b"\x89PNG")
    answer = server.get("/view?filename=p.png&type=temp")
    assert answer.headers["Cache-Control"].startswith("private")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for everybody: on all addresses, with a token of its own making."""
    server = Server(tmp_path_factory.mktemp("guarded"), "--listen", "--allowed-hosts", "studio.lan")
    yield server
    server.stop()


def token(guarded: Server) -> str:
    return guarded.url.partition("?token=")[2]


def test_s1_a_server_for_others_makes_a_token_and_asks_for_it(guarded: Server):
    assert len(token(guarded)) >= 32
    for path in ("/", "/prompt", "/object_info", "/view?filename=x", "/x.js"):
        answer = guarded.get(path)
        assert answer.status == 401
        assert answer.json["error"]["type"] == "not_logged_in"
    assert guarded.post("/prompt", {"prompt": chain()}).status == 401


def test_s1_the_worker_is_not_told_the_token(guarded: Server):
    pid = guarded.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        assert token(guarded).encode() not in Path(f"/proc/{child}/cmdline").read_bytes()


async def test_s4_the_websocket_asks_for_the_token(guarded: Server):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{guarded.address}/ws")
        assert refused.value.status == 401
        bearer = {"Authorization": f"Bearer {token(guarded)}"}
        async with session.ws_connect(f"{guarded.address}/ws", headers=bearer) as socket:
            assert json.loads((await socket.receive()).data)["type"] == "status"


def test_s8_bearer_token_and_cookie_open_the_server(guarded: Server):
    assert guarded.get("/prompt", {"Authorization": f"Bearer {token(guarded)}"}).status == 200
    assert guarded.get("/prompt", {"Cookie": f"patchbay_token={token(guarded)}"}).status == 200
    for wrong in ("", "x", token(guarded) + "x", token(guarded)[:-1], "é"):
        headers = {"Authorization": f"Bearer {wrong}".encode().decode("latin-1")}
        assert guarded.get("/prompt", headers).status == 401


def test_s8_the_login_link_leaves_a_cookie_and_no_token_in_the_address(guarded: Server):
    host = {"Host": own(guarded)}
    status, headers, _ = raw(guarded, "GET", f"/?token={token(guarded)}", host)
    assert (status, headers["Location"]) == (303, "/")
    cookie = headers["Set-Cookie"]
    assert cookie.startswith(f"patchbay_token={token(guarded)};")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    status, headers, _ = raw(guarded, "GET", "/?token=wrong", host)
    assert status == 401
    assert "Set-Cookie" not in headers


def test_s8_the_token_is_shown_once_and_not_in_the_system_s_description(guarded: Server):
    stats = guarded.get("/system_stats", {"Authorization": f"Bearer {token(guarded)}"})
    assert token(guarded).encode() not in stats.body
    assert sum(line.count(token(guarded)) for line in guarded.log) == 1


def test_s2_a_server_for_others_answers_to_addresses_and_chosen_names(guarded: Server):
    bearer = {"Authorization": f"Bearer {token(guarded)}"}
    for host, status in {
        "192.168.7.7:8188": 200,
        "studio.lan:8188": 200,
        "localhost": 200,
        "evil.test": 403,
        "xstudio.lan": 403,
    }.items():
        assert raw(guarded, "GET", "/prompt", {"Host": host, **bearer})[0] == status, host
