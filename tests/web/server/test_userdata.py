"""What the page keeps for its user: settings and files."""

import json
from urllib.parse import quote

from tests.web.server.serving import Server


def at(name: str) -> str:
    return "/userdata/" + quote(name, safe="")


def test_settings_are_merged_and_kept(server: Server):
    assert server.get("/settings/Toy.A").body == b"null"
    assert server.post("/settings", {"Toy.A": 1, "Toy.B": [2]}).status == 200
    assert server.post("/settings/Toy.A", b'"text"', {"Content-Type": "text/plain"}).status == 200
    settings = server.get("/settings").json
    assert (settings["Toy.A"], settings["Toy.B"]) == ("text", [2])
    kept = server.base / "user" / "default" / "comfy.settings.json"
    assert json.loads(kept.read_bytes()) == settings


def test_damaged_settings_are_said_and_not_written_over(server: Server):
    kept = server.base / "user" / "default" / "comfy.settings.json"
    server.post("/settings", {"Toy.C": 1})
    before = kept.read_bytes()
    kept.write_bytes(before[:-1])
    try:
        assert server.get("/settings").json["error"]["type"] == "settings_damaged"
        assert server.post("/settings", {"Toy.C": 2}).status == 409
        assert kept.read_bytes() == before[:-1]
    finally:
        kept.write_bytes(before)


def test_files_are_kept_listed_moved_and_deleted(server: Server):
    content = b'{"nodes": []}'
    assert server.post(at("workflows/a b.json"), content).json == "workflows/a b.json"
    assert server.get(at("workflows/a b.json")).body == content
    assert server.get("/userdata?dir=workflows").json == ["a b.json"]
    listed = server.get("/userdata?dir=workflows&recurse=true&full_info=true").json
    assert [(f["path"], f["size"]) for f in listed] == [("a b.json", len(content))]
    assert listed[0]["modified"] > 1_600_000_000_000
    moved = server.post(at("workflows/a b.json") + "/move/" + quote("workflows/x/c.json", safe=""))
    assert moved.json == "workflows/x/c.json"
    split = server.get("/userdata?dir=workflows&recurse=true&split=true").json
    assert split == [["x/c.json", "x", "c.json"]]
    assert server.ask("DELETE", at("workflows/x/c.json"), None).status == 204
    assert server.ask("DELETE", at("workflows/x/c.json"), None).status == 404


def test_overwriting_can_be_refused(server: Server):
    server.post(at("once.json"), b"1")
    assert server.post(at("once.json") + "?overwrite=false", b"2").status == 409
    assert server.get(at("once.json")).body == b"1"
    assert server.post(at("once.json"), b"3").status == 200
    assert server.get(at("once.json")).body == b"3"


def test_doubly_encoded_names_are_understood(server: Server):
    name = quote(quote("twice/x.json", safe=""), safe="")
    assert server.post(f"/userdata/{name}", b"{}").json == "twice/x.json"


def test_absent_folders_and_files_are_said(server: Server):
    assert server.get("/userdata?dir=nowhere").status == 404
    assert server.get("/userdata").status == 400
    assert server.get(at("nothing.json")).status == 404


def test_s14_the_server_s_own_files_cannot_be_reached(server: Server):
    for name in ("../patchbay.sqlite", "..%2fpatchbay.sqlite", "../catalogue.json", "/etc/passwd"):
        assert server.get(at(name)).status == 403
        assert server.post(at(name), b"x").status == 403
        assert server.ask("DELETE", at(name), None).status == 403
    assert server.get("/userdata?dir=..").status == 403
    assert server.get("/prompt").status == 200


def test_files_are_downloads(server: Server):
    server.post(at("page.html"), b"<script>alert(1)</script>")
    headers = server.get(at("page.html")).headers
    assert headers["Content-Disposition"] == "attachment"
    assert headers["Content-Type"] == "application/octet-stream"
    server.post(at("user.css"), b"body {}")
    assert server.get(at("user.css")).headers["Content-Type"] == "text/css"
