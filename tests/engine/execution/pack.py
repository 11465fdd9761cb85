"""Toy classes for the rules of evaluation, and prompts made of them."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from engine.graph.definition import (
    UNEVALUATED,
    Blocker,
    Definition,
    Expansion,
    NotYet,
    Returned,
)
from engine.graph.graph import Link, Node
from engine.graph.run import Run
from engine.graph.spec import InputSpec, NodeSpec, OutputSpec
from tests.engine.execution.bench import Bench, toy

Call = Callable[[Mapping[str, Any], Run], Any]


def define(
    class_type: str,
    inputs: Mapping[str, Mapping[str, Any]],
    outputs: tuple[OutputSpec, ...],
    call: Call,
    **more: Any,
) -> Definition:
    """A node class whose inputs are optional sockets of any type with these options."""
    functions = {name: more.pop(name) for name in ("fingerprint", "needs") if name in more}
    spec = NodeSpec(
        class_type,
        class_type,
        "toys",
        tuple(InputSpec(name, "*", False, options) for name, options in inputs.items()),
        outputs,
        **more,
    )
    return Definition(spec, call, **functions)


ANY = OutputSpec("*", "value")
LIST = OutputSpec("*", "values", is_list=True)


class Pack:
    """Toy classes that take note of how they were called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.different = itertools.count()

    def definitions(self) -> list[Definition]:
        return [
            define("List", {"items": {}}, (LIST,), lambda i, _: Returned((list(i["items"]),))),
            define("Const", {"value": {}}, (ANY,), self.const),
            define("Pair", {"a": {}, "b": {}}, (ANY,), self.pair),
            define("Sum", {"values": {}}, (ANY,), self.sum, input_is_list=True),
            define(
                "Show", {"value": {}}, (), lambda i, _: Returned((), {"text": [i["value"]]}),
                is_output=True,
            ),
            define("Short", {}, (ANY, ANY), lambda i, _: Returned((1,))),
            define("Block", {"value": {}, "why": {}, "only": {}}, (ANY,), self.block),
            define(
                "Switch",
                {"on": {}, "yes": {"lazy": True}, "no": {"lazy": True}},
                (ANY,),
                lambda i, _: Returned((i["yes"] if i["on"] else i["no"],)),
                needs=lambda i, _: ["yes" if i["on"] else "no"],
            ),
            define("Impatient", {"value": {"lazy": True}}, (ANY,), self.impatient),
            define("Raw", {"value": {"rawLink": True}}, (ANY,), self.const),
            define("Power", {"base": {}, "times": {}}, (ANY,), self.power),
            define("Boxes", {"count": {}}, (LIST,), self.boxes),
            define("Sleep", {"value": {}}, (ANY,), self.sleep, lane="loop"),
            define("Later", {"value": {}}, (ANY,), self.sleep),
            define(
                "Moody", {"mood": {}}, (ANY,), self.const,
                fingerprint=lambda i, _: float("nan") if i["mood"] == "bad" else i["mood"],
            ),
            define("Single", {}, (ANY,), self.const, not_idempotent=True),
            define("Fail", {"value": {}}, (ANY,), self.fail),
            define("Keep", {}, (ANY,), self.keep, fingerprint=lambda i, _: float("nan")),
            define("Bad", {"how": {}}, (ANY,), self.bad),
            define("Device", {"value": {}}, (ANY,), self.const, lane="device"),
        ]  # fmt: skip

    def const(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(dict(inputs))
        return Returned((inputs.get("value"),))

    def pair(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        self.calls.append((run.list_index, inputs["a"], inputs["b"]))
        return Returned(((inputs["a"], inputs["b"]),), {"seen": [run.list_index]})

    def sum(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(inputs["values"])
        return Returned((sum(inputs["values"]),))

    def block(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        blocked = inputs["value"] == inputs.get("only", inputs["value"])
        return Returned((Blocker(inputs["why"]) if blocked else inputs["value"],))

    def impatient(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(inputs["value"] is UNEVALUATED)
        if inputs["value"] is UNEVALUATED:
            raise NotYet(["value"])
        return Returned((inputs["value"],))

    def power(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        """A loop by expansion: multiplies and puts itself, with one turn less, in its place."""
        self.calls.append(inputs["times"])
        if inputs["times"] == 0:
            return Returned((1,))
        rest = Node(
            f"{run.node_id}.r", "Power", {"base": inputs["base"], "times": inputs["times"] - 1}
        )
        product = Node(f"{run.node_id}.m", "Times", {"a": inputs["base"], "b": Link(rest.id, 0)})
        return Returned(
            (Link(product.id, 0),), expansion=Expansion({n.id: n for n in (rest, product)})
        )

    def boxes(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        nodes = {
            f"{run.node_id}.{n}": Node(f"{run.node_id}.{n}", "Const", {"value": n})
            for n in range(inputs["count"])
        }
        return Returned(([Link(i, 0) for i in nodes],), expansion=Expansion(nodes))

    async def sleep(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        await asyncio.sleep(0)
        return Returned((inputs["value"],))

    def keep(self, _: Mapping[str, Any], run: Run) -> Returned:
        return Returned((run.instance(lambda: next(self.different)),))

    def fail(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        raise ValueError("no")

    def bad(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        node = {
            "class": Node("new", "Unheard", {}),
            "id": Node(run.node_id, "Const", {}),
            "link": Node("new", "Const", {"value": Link("nowhere", 0)}),
            "result": Node("new", "Const", {"value": 1}),
            "cycle": Node("new", "Const", {"value": Link("new", 0)}),
        }[inputs["how"]]
        target = "gone" if inputs["how"] == "result" else node.id
        return Returned((Link(target, 0),), expansion=Expansion({node.id: node}))


def times(inputs: Mapping[str, Any], _: Run) -> Returned:
    return Returned((inputs["a"] * inputs["b"],))


def shown(bench: Bench, prompt: dict[str, Any], **extra: Any) -> Any:
    """What the node "show" showed."""
    outcome = bench.run(prompt, **extra)
    assert outcome.status == "success", outcome.messages
    return outcome.outputs.get("show", {}).get("text")


def show(source: str, slot: int = 0) -> dict[str, Any]:
    return {"show": toy("Show", value=[source, slot])}


def const_list(*items: Any) -> dict[str, Any]:
    return toy("List", items={"__value__": list(items)})


def switch(on: bool) -> dict[str, Any]:
    return {
        "on": toy("Const", value=on),
        "y": toy("Const", value="yes"),
        "n": toy("Const", value="no"),
        "s": toy("Switch", on=["on", 0], yes=["y", 0], no=["n", 0]),
    } | show("s")
