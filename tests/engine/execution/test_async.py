"""Async nodes wait together, and end when they are cancelled."""

import asyncio
from collections.abc import Mapping
from typing import Any

from engine.graph.definition import (
    Returned,
)
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, const_list, define, show, shown


def test_async_nodes_run_together(bench: Bench) -> None:
    gate = asyncio.Barrier(3)

    async def meet(inputs: Mapping[str, Any], _: Run) -> Returned:
        await asyncio.wait_for(gate.wait(), 20)
        return Returned((inputs["value"],))

    meeting = define("Meet", {"value": {}}, (ANY,), meet, lane="loop")
    bench.know(meeting)
    prompt = {
        "l": const_list(1, 2),
        "m": toy("Meet", value=["l", 0]),
        "n": toy("Meet", value=3),
        "s": toy("Sum", values=["m", 0]),
        "t": toy("Times", a=["s", 0], b=["n", 0]),
    }
    assert shown(bench, prompt | show("t")) == [9]


def test_an_awaitable_from_a_node_on_a_thread_is_awaited(bench: Bench) -> None:
    assert shown(bench, {"l": toy("Later", value=4)} | show("l")) == [4]


def test_cancelling_ends_an_async_node(bench: Bench) -> None:
    async def forever(inputs: Mapping[str, Any], _: Run) -> Returned:
        bench.cancel.set()
        await asyncio.Event().wait()
        return Returned((1,))

    endless = define("Forever", {}, (ANY,), forever, lane="loop")
    bench.know(endless)
    assert bench.run({"f": toy("Forever")} | show("f")).status == "interrupted"
