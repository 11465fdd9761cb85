"""Trivial nodes for the benches, which put this file into a server's ``custom_nodes``."""

from typing import Annotated

from engine.graph.native import Socket, node
from engine.graph.run import Run

NUMBER = Annotated[int, Socket("NUMBER")]


@node("BenchStart", category="bench")
def start(*, seed: int = 0) -> NUMBER:
    return seed


@node("BenchStep", category="bench")
def step(*, value: NUMBER, amount: int = 1) -> NUMBER:
    return value + amount


@node("BenchJoin", category="bench")
def join(*, a: NUMBER, b: NUMBER, amount: int = 0) -> NUMBER:
    return a + b + amount


@node("BenchEnd", category="bench", output=True)
def end(*, run: Run, value: NUMBER) -> None:
    run.show("text", [str(value)])


@node("BenchDevice", category="bench", lane="device")
def device(*, value: NUMBER) -> NUMBER:
    """Waits for whatever the device is busy with, such as the imports of a fresh worker."""
    return value
