"""Bad requests get a sentence and change nothing; never a 500, never HTML."""

import json
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.server.serving import Answer, Server, chain

BODIES = {
    "no JSON": b"{",
    "text": b"prompt",
    "cut": b'{"prompt": {"1": {"class_type":',
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "half a character": b'{"prompt": {"1": {"class_type": "\\ud800", "inputs": {}}}}',
    "NaN": b'{"prompt": {"1": {"class_type": "ToyShow", "inputs": {"value": NaN}}}}',
    "Infinity": b'{"prompt": {}, "number": -Infinity}',
    "too large a number": b'{"prompt": {}, "number": 1e999}',
    "a number of 10,000 digits": b'{"prompt": {}, "number": ' + b"9" * 10_000 + b"}",
    "deep": b'{"prompt":' * 200_000 + b"1" + b"}" * 200_000,
    "deep lists": b"[" * 1_000_000,
    "a list": b"[]",
    "a number": b"42",
    "null": b"null",
}
PROMPTS: dict[str, Any] = {
    "a list": [],
    "a text": "x",
    "null": None,
    "a number": 4,
    "empty": {},
    "a node that is no object": {"1": 5},
    "inputs that are no object": {"1": {"class_type": "ToyShow", "inputs": []}},
    "no class": {"1": {"inputs": {}}},
    "a class that is no text": {"1": {"class_type": ["x"], "inputs": {}}},
    "unknown class": {"1": {"class_type": "Nope", "inputs": {}}},
    "no output": {"1": {"class_type": "ToyNumber", "inputs": {"value": 1}}},
    "missing input": {"1": {"class_type": "ToyShow", "inputs": {}}},
    "wrong type": {"1": {"class_type": "ToyShow", "inputs": {"value": "many"}}},
    "link to nowhere": {"1": {"class_type": "ToyShow", "inputs": {"value": ["9", 0]}}},
    "link to itself": {"1": {"class_type": "ToyShow", "inputs": {"value": ["1", 0]}}},
    "slot out of range": {
        "1": {"class_type": "ToyNumber", "inputs": {"value": 1}},
        "2": {"class_type": "ToyShow", "inputs": {"value": ["1", 7]}},
    },
    "malformed link": {"1": {"class_type": "ToyShow", "inputs": {"value": ["1", 0, 3]}}},
    "huge slot": {"1": {"class_type": "ToyShow", "inputs": {"value": ["1", 1e308]}}},
    "missing file": {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "none.safetensors"}},
        "2": {"class_type": "ToyShow", "inputs": {"value": ["1", 0]}},
    },
    "a file outside": {"1": {"class_type": "LoadImage", "inputs": {"image": "../../etc/passwd"}}},
}


def cycle() -> dict[str, Any]:
    prompt = chain("ToySlow", "ToySlow")
    prompt["2"]["inputs"]["value"] = ["3", 0]
    return prompt


PROMPTS["cycle"] = cycle()


def said(answer: Answer, *statuses: int) -> Any:
    """The error object of an answer, which must be one."""
    assert answer.status in statuses, answer.body[:500]
    assert answer.headers["Content-Type"].startswith("application/json")
    error = answer.json["error"]
    assert set(error) == {"type", "message", "details", "extra_info"}
    assert error["message"]
    return error


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("path", ["/prompt", "/queue", "/history", "/interrupt", "/free"])
def test_what_is_no_json_object_is_refused(server: Server, path: str, body: bytes):
    before = server.get("/history").body
    answer = server.post(path, body)
    if path != "/prompt" and answer.status == 200:
        json.loads(body)  # an object that says nothing to this route
    else:
        said(answer, 400)
    assert server.get("/history").body == before


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_what_is_no_graph_is_refused(server: Server, prompt: Any):
    answer = server.post("/prompt", {"prompt": prompt})
    said(answer, 400)
    assert isinstance(answer.json["node_errors"], dict)


def test_the_errors_have_the_types_that_clients_know(server: Server):
    def type_of(prompt: Any) -> str:
        return server.post("/prompt", {"prompt": prompt}).json["error"]["type"]

    assert server.post("/prompt", {}).json["error"]["type"] == "no_prompt"
    assert type_of(PROMPTS["unknown class"]) == "missing_node_type"
    assert type_of(PROMPTS["no output"]) == "prompt_no_outputs"
    assert type_of(PROMPTS["empty"]) == "prompt_no_outputs"
    assert type_of(PROMPTS["missing input"]) == "prompt_outputs_failed_validation"
    assert type_of(PROMPTS["cycle"]) == "dependency_cycle"


@pytest.mark.parametrize(
    "more",
    [
        {"extra_data": []},
        {"extra_data": "x"},
        {"client_id": 5},
        {"client_id": "x" * 1000},
        {"number": "many"},
        {"number": []},
        {"partial_execution_targets": "1"},
        {"partial_execution_targets": {"1": 1}},
        {"partial_execution_targets": ["1", None]},
    ],
    ids=str,
)
def test_odd_fields_are_refused(server: Server, more: dict[str, Any]):
    said(server.post("/prompt", {"prompt": chain(), **more}), 400)


def test_a_prompt_of_more_nodes_than_are_taken_is_told_the_limit(server: Server):
    node = {"class_type": "ToyNumber", "inputs": {"value": 1}}
    prompt = {**chain(), **{f"n{i}": node for i in range(200_000)}}
    error = said(server.post("/prompt", {"prompt": prompt}), 400)
    assert "at most 200,000" in error["message"]


def test_a_body_over_the_limit_is_refused(server: Server):
    error = said(server.post("/prompt", b'{"prompt": "' + b"x" * (33 * 2**20) + b'"}'), 413)
    assert "32 MiB" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("POST", "/nothing", 405),
        ("PUT", "/prompt", 405),
        ("DELETE", "/queue", 405),
        ("POST", "/view", 405),
        ("GET", "/upload/image", 404),
        ("GET", "/ws", 400),
        ("GET", "/history?max_items=x", 400),
        ("GET", "/history?offset=1e3", 400),
        ("GET", "/history?max_items=%EF%BC%91", 400),
    ],
)
def test_wrong_addresses_and_methods_are_said(server: Server, method: str, path: str, status: int):
    said(server.ask(method, path, None), status)


@pytest.mark.parametrize("body", [{"delete": "x"}, {"delete": {"a": 1}}, {"delete": 5}], ids=str)
def test_lists_of_ids_must_be_lists(server: Server, body: dict[str, Any]):
    said(server.post("/queue", body), 400)
    said(server.post("/history", body), 400)


def test_odd_ids_in_lists_are_passed_over(server: Server):
    for path in ("/queue", "/history"):
        assert server.post(path, {"delete": [None, 5, [], {}, "' or 1=1 --"]}).status == 200


def test_what_is_no_http_is_not_answered_with_html(server: Server):
    for noise in (b"\x16\x03\x01\x02\x00\x01\n\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            heard = b"".join(iter(lambda: connection.recv(65536), b""))
        assert b"<html" not in heard.lower()
        assert b" 500 " not in heard.split(b"\r\n")[0]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
VALUE = ANYTHING | st.tuples(st.sampled_from("123"), st.integers(-1, 2)).map(list)
NODE = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(["ToyNumber", "ToyShow", "ToyFail", "KSampler"]) | ANYTHING,
        "inputs": st.dictionaries(st.sampled_from(["value", "steps", "model"]), VALUE) | ANYTHING,
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(prompt=st.dictionaries(st.sampled_from("123"), NODE | ANYTHING, max_size=3) | ANYTHING)
def test_any_json_as_a_prompt_is_accepted_or_refused_in_words(server: Server, prompt: Any):
    answer = server.post("/prompt", {"prompt": prompt})
    if answer.status != 200:
        said(answer, 400)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/prompt", "/queue", "/history", "/interrupt", "/free"]),
    body=st.dictionaries(
        st.sampled_from(
            [
                "prompt",
                "prompt_id",
                "clear",
                "delete",
                "number",
                "front",
                "extra_data",
                "client_id",
                "unload_models",
                "partial_execution_targets",
            ]
        ),
        ANYTHING,
    ),
)
def test_any_json_object_anywhere_is_no_fault(server: Server, path: str, body: dict[str, Any]):
    answer = server.post(path, body)
    assert answer.status in (200, 400, 409), (path, body, answer.body)
