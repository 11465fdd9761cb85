"""``--enable-cors-header``: one foreign origin is let in, and no other."""

from collections.abc import Iterator

import pytest

from tests.web.server.serving import Server, chain

FRIEND = "https://friend.example"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("shared"), "--enable-cors-header", FRIEND)
    yield server
    server.stop()


def test_the_friend_is_answered_with_permission(shared: Server):
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    answer = shared.post("/free", {}, headers)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_preflight_requests_are_answered(shared: Server):
    answer = shared.ask("OPTIONS", "/prompt", None, {"Origin": FRIEND})
    assert answer.status == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_others_are_still_refused(shared: Server):
    headers = {"Origin": "https://enemy.example", "Content-Type": "application/json"}
    assert shared.post("/prompt", {"prompt": chain()}, headers).status == 403
