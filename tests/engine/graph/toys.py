"""Toy nodes: small enough to see through, one for each rule that the engine must keep."""

from typing import Annotated

from engine.graph.native import Choice, File, Range, Socket, Text, node
from engine.graph.run import Run
from engine.graph.spec import Passthrough

NUMBER = Annotated[float, Socket("NUMBER")]
WORD = Annotated[str, Socket("WORD")]


@node("ToyConstant", category="toys")
def constant(*, value: Annotated[float, Range(-10.0, 10.0, 0.5)] = 1.0) -> NUMBER:
    return value


@node("ToyAdd", "Add", category="toys", aliases=("ToyPlus",))
def add(*, a: NUMBER, b: NUMBER) -> NUMBER:
    """Adds two numbers."""
    return a + b


@node("ToyWidgets", category="toys")
def widgets(
    *,
    count: Annotated[int, Range(0, 5)] = 2,
    ratio: float = 0.5,
    text: Annotated[str, Text(multiline=True)],
    flag: bool = False,
    colour: Annotated[str, Choice(("red", "green"))],
    number: NUMBER | None = None,
) -> tuple[NUMBER, WORD]:
    return count * ratio + (number or 0), f"{text}{flag}{colour}"


@node("ToyFile", category="toys")
def file(*, run: Run, name: Annotated[str, File("loras")]) -> WORD:
    return run.folders.find("loras", name).read_text()


@node(
    "ToyTwoSided",
    category="toys",
    depends={0: ("left", "by_left"), 1: ("right", "by_right")},
    passthrough={0: Passthrough("by_left", "left"), 1: Passthrough("by_right", "right")},
)
def two_sided(
    *, left: NUMBER, right: NUMBER, by_left: float = 1.0, by_right: float = 1.0
) -> tuple[NUMBER, NUMBER]:
    return left + by_left, right + by_right


@node("ToyShow", category="toys", output=True)
def show(*, run: Run, value: NUMBER) -> None:
    run.show("text", [str(value)])


@node("ToyFail", category="toys", lane="device")
def fail(*, value: NUMBER) -> NUMBER:
    raise ValueError(f"{value} is not to my taste.")


@node("ToySteps", category="toys", lane="device")
def steps(*, run: Run, value: NUMBER, count: int = 3) -> NUMBER:
    for step in range(count):
        run.progress(step + 1, count)
    return value


@node("ToyAwait", category="toys")
async def wait(*, value: NUMBER) -> NUMBER:
    return value + 100


@node("ToyBroken", category="toys")
def broken(*, value: NUMBER) -> tuple[NUMBER, NUMBER]:
    return (value,)  # type: ignore[return-value]  # on purpose: declares two, returns one
