"""Progress is told in changes, so that watching a large graph costs what it should."""

from engine.execution.job import Event
from engine.execution.live import Live
from engine.execution.progress import ProgressBoard
from engine.graph.graph import Graph
from engine.graph.run import Preview


def board(times: list[float]) -> tuple[ProgressBoard, list[Event]]:
    events: list[Event] = []
    clock = iter(times)
    return ProgressBoard("p", events.append, Live(Graph({})), clock=lambda: next(clock)), events


def states(event: Event) -> dict[str, str]:
    return {node: record["state"] for node, record in event.data["nodes"].items()}


def test_changes_within_an_interval_travel_together() -> None:
    # Each change reads the clock once, and once more when it is sent.
    it, events = board([0.0, 0.0, 0.01, 0.02, 0.03, 1.0, 1.0])
    it.start("a")
    it.finish("a")
    it.start("b")
    it.finish("b")
    it.start("c")
    told = [states(e) for e in events if e.type == "progress_state"]
    assert told == [{"a": "running"}, {"a": "finished", "b": "finished", "c": "running"}]


def test_flush_tells_the_rest_once() -> None:
    it, events = board([0.0, 0.0, 0.01, 0.02])
    it.start("a")
    it.finish("a")
    it.flush()
    it.flush()
    told = [states(e) for e in events if e.type == "progress_state"]
    assert told == [{"a": "running"}, {"a": "finished"}]


def test_a_running_node_is_in_every_message_a_finished_one_in_one() -> None:
    it, events = board([float(n) for n in range(20)])
    it.start("long")
    it.start("a")
    it.finish("a")
    it.start("b")
    told = [states(e) for e in events if e.type == "progress_state"]
    assert told[-1] == {"long": "running", "b": "running"}


def test_a_node_that_has_returned_is_not_told_again() -> None:
    it, events = board([float(n) for n in range(20)])
    it.start("a")
    it.returned("a")
    it.start("b")
    it.finish("a")
    told = [states(e) for e in events if e.type == "progress_state"]
    assert told == [{"a": "running"}, {"b": "running"}, {"a": "finished", "b": "running"}]


def test_a_preview_goes_with_its_node() -> None:
    it, events = board([0.0, 0.0, 0.01])
    it.start("a")
    it.step("a", 1, 4, Preview(b"jpeg"))
    preview = events[-1]
    assert (preview.type, preview.blob) == ("preview", b"jpeg")
    assert preview.data["node_id"] == "a"
    assert preview.data["image_type"] == "image/jpeg"


def test_of_very_many_steps_the_latest_is_told_now_and_then() -> None:
    events: list[Event] = []
    now = 0.0
    it = ProgressBoard("p", events.append, Live(Graph({})), clock=lambda: now)
    it.start("a")
    for step in range(100_000):
        now = step * 0.0001  # ten seconds in all
        it.step("a", step + 1, 100_000, Preview(b"jpeg"))
    it.finish("a")
    told = [e.data["value"] for e in events if e.type == "progress"]
    assert told[:20] == list(range(1, 21))
    assert told[-1] == 100_000
    assert told == sorted(set(told))
    assert len(told) < 500
    assert sum(e.type == "preview" for e in events) == len(told)
