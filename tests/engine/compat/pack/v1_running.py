"""More V1 classes, for what can only be seen when a prompt runs."""

from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder
from comfy_execution.utils import get_executing_context

from tests.engine.compat.pack.v1_nodes import ANY, Node


class Show(Node):
    """Shows whatever it gets."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": (ANY,)}}

    def run(self, value):
        return {"ui": {"seen": [value]}}


class Series(Node):
    OUTPUT_IS_LIST = (True,)

    def run(self, value):
        return (list(range(value)),)


class Stops(Node):
    """Lets through whatever is not ``at``."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT",), "at": ("INT",)}}

    def run(self, value, at):
        return (ExecutionBlocker(f"{at} is not let through") if value == at else value,)


class Whole(Node):
    INPUT_IS_LIST = True

    def run(self, value):
        return (value,)


class Spoils(Node):
    """Changes what it gets."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": (ANY,)}}

    def run(self, value):
        value.append("spoilt")
        return (value,)


class ChangesNever(Node):
    @classmethod
    def IS_CHANGED(cls, value):
        return True  # a bug that packs share: this never runs again


class Union(Node):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("IMAGE,INT",)}}


class Factorial(Node):
    """A loop as packs write it: puts itself, with one turn less, in its place."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT",), "so_far": ("INT",)}}

    def run(self, value, so_far):
        if value <= 1:
            return (so_far,)
        graph = GraphBuilder()
        product = graph.node("V1Product", value=value, so_far=so_far)
        rest = graph.node("V1Factorial", value=value - 1, so_far=product.out(0))
        return {"result": (rest.out(0),), "expand": graph.finalize()}


class Product(Factorial):
    def run(self, value, so_far):
        return (value * so_far,)


class Meets(Node):
    """Waits for ``gate``, which the test sets: an ``asyncio.Barrier``."""

    async def run(self, value):
        await self.gate.wait()
        return ((value, get_executing_context().list_index),)


NODE_CLASS_MAPPINGS = {
    f"V1{cls.__name__}": cls
    for cls in (
        *(Show, Series, Stops, Whole, Spoils),
        *(ChangesNever, Union, Factorial, Product, Meets),
    )
}
