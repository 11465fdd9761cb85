"""V1 classes as packs write them, one for each rule of the contract."""

from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder
from comfy_execution.utils import get_executing_context


class AnyType(str):
    def __ne__(self, other):
        return False


class Pictures(str):
    """Equal to two types, but not to others."""

    def __ne__(self, other):
        return other not in ("IMAGE", "MASK")


class AnyName(dict):
    """Takes inputs of any name."""

    def __contains__(self, name):
        return True

    def __getitem__(self, name):
        return super().get(name, (ANY,))


class AnyIndex(tuple):
    def __getitem__(self, index):
        return super().__getitem__(0)


ANY = AnyType("*")


class Node:
    """What most of the classes below have in common."""

    CATEGORY = "toys/v1"
    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("INT", {"default": 1, "min": 0, "max": 5})}}

    def run(self, value):
        return (value,)


class Everything:
    """Says all that a class can say of itself."""

    CATEGORY = "toys/v1"
    RETURN_TYPES = ("IMAGE", ["a", "b"], "INT")
    RETURN_NAMES = ("picture",)
    OUTPUT_IS_LIST = (True, False)
    OUTPUT_TOOLTIPS = ("a picture",)
    FUNCTION = "go"
    OUTPUT_NODE = True
    DESCRIPTION = "Does everything."
    DEPRECATED = True
    EXPERIMENTAL = False
    SEARCH_ALIASES = ["all"]

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "image": ("IMAGE",),
                "mode": (["x", "y", 3],),
                "kind": ("COMBO", {"options": ["p", "q"], "multiselect": True}),
                "remote": ("COMBO", {"remote": {"route": "/list"}}),
                "amount": ("FLOAT", {"max": float("inf"), "pack.key": {1, 2}}),
                "forgot": "STRING",
            },
            "optional": {
                "any": (ANY,),
                "both": (Pictures("IMAGE"),),
                "lazy": ("INT", {"lazy": True}),
            },
            "hidden": {"id": "UNIQUE_ID", "version": ("v1",)},
        }

    def go(self, **inputs):
        return {"ui": {"text": "abc"}, "result": ([1, 2], "a")}


class Broken(Node):
    @classmethod
    def INPUT_TYPES(cls):
        raise RuntimeError("no such folder")


class Returns(Node):
    """Returns what ``KINDS`` says."""

    RETURN_TYPES = ("INT", "STRING")
    KINDS = {
        "tuple": (1, "a"),
        "list": [1, "a"],
        "short": (1,),
        "long": (1, "a", 2),
        "result": {"result": (1, "a"), "ui": {"text": ["hello"], "animated": (True,)}},
        "ui": {"ui": {"text": "hello"}},
        "empty": {},
        "blocker": ExecutionBlocker("not now"),
        "result_blocker": {"result": ExecutionBlocker(None)},
        "element_blocker": (ExecutionBlocker("half"), "a"),
        "none": None,
        "text": "ab",
    }

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"kind": (list(cls.KINDS),)}}

    def run(self, kind):
        return self.KINDS[kind]


class ReturnsNothing(Node):
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    def run(self, value):
        return None


class ReturnsLists(Node):
    RETURN_TYPES = ("INT", "INT")
    OUTPUT_IS_LIST = (True, False)

    def run(self, value):
        return ([1, ExecutionBlocker("one"), 3], [4, 5])


class Grows(Node):
    """Takes any input and gives any output."""

    RETURN_TYPES = AnyIndex((ANY,))

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}, "optional": AnyName({"first": ("INT",)})}

    def run(self, **inputs):
        return tuple(sorted(inputs.items()))


class TakesLinks(Node):
    def run(self, value, **others):
        return ((value, others),)


class Hidden(Node):
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {},
            "hidden": {
                "prompt": "PROMPT",
                "extra": "EXTRA_PNGINFO",
                "id": "UNIQUE_ID",
                "graph": "DYNPROMPT",
                "token": "AUTH_TOKEN_COMFY_ORG",
                "written_wrong": ("PROMPT",),
                "accepted": "whatever",
            },
        }

    def run(self, **inputs):
        return (inputs,)


class Lists(Node):
    INPUT_IS_LIST = True

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"value": ("INT", {"lazy": True})},
            "hidden": {"id": "UNIQUE_ID"},
        }

    @classmethod
    def IS_CHANGED(cls, value, id):
        return [value, id]

    def check_lazy_status(self, value, id):
        return ["value"] if value == [None] else []

    def run(self, value, id):
        return ((value, id),)


class Counts(Node):
    """Remembers on itself."""

    def __init__(self):
        self.calls = 0

    def run(self, value):
        self.calls += 1
        return (self.calls,)


class Changes(Node):
    @classmethod
    def IS_CHANGED(cls, value):
        return float("nan") if value is None else f"seen {value}"


class ChangesAlways(Node):
    def IS_CHANGED(self, value):  # no class method: fails for lack of self
        return value


class ChangesLater(Node):
    @classmethod
    async def IS_CHANGED(cls, value):
        return value


class ValidatesNames(Node):
    @classmethod
    def INPUT_TYPES(cls):
        two = {"value": ("INT", {"min": 0, "max": 5}), "other": ("INT", {"min": 0, "max": 5})}
        return {"required": two}

    @classmethod
    def VALIDATE_INPUTS(cls, value):
        return True if value is None or value % 2 == 0 else f"{value} is odd"

    def run(self, value, other):
        return (value + other,)


class ValidatesAll(ValidatesNames):
    @classmethod
    def VALIDATE_INPUTS(cls, **inputs):
        return False if inputs["value"] == 1 else True


class ValidatesTypes(Node):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    @classmethod
    async def VALIDATE_INPUTS(cls, input_types):
        return True if input_types["image"] in ("IMAGE", "INT") else "wrong type"

    def run(self, image):
        return (image,)


class ValidatesBadly(Node):
    @classmethod
    def VALIDATE_INPUTS(cls, value):
        raise RuntimeError("oops")


class Switch(Node):
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "on": ("BOOLEAN",),
                "yes": ("INT", {"lazy": True}),
                "no": ("INT", {"lazy": True}),
            }
        }

    def check_lazy_status(self, on, yes, no):
        if on and yes is None:
            return ["yes"]
        return ["no"] if not on and no is None else None

    def run(self, on, yes, no):
        return ((yes, no),)


class Waits(Node):
    async def run(self, value):
        return (get_executing_context().node_id,)


class Expands(Node):
    RETURN_TYPES = ("INT", "INT")

    def run(self, value):
        graph = GraphBuilder()
        one = graph.node("V1Counts", value=value)
        two = graph.node("V1Counts", id="two", value=one.out(0), list=[1, 2, 3])
        two.set_override_display_id("shown")
        return {"result": (two.out(0), value), "expand": graph.finalize()}


class Multi(Node):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"kinds": ("COMBO", {"options": ["a", "b"], "multiselect": True})}}

    def run(self, kinds):
        return (kinds,)


NODE_CLASS_MAPPINGS = {
    f"V1{cls.__name__}": cls
    for cls in (
        *(Node, Everything, Broken, Returns, ReturnsNothing, ReturnsLists, Grows, TakesLinks),
        *(Hidden, Lists, Counts, Changes, ChangesAlways, ChangesLater, ValidatesNames),
        *(ValidatesAll, ValidatesTypes, ValidatesBadly, Switch, Waits, Expands, Multi),
    )
}
NODE_DISPLAY_NAME_MAPPINGS = {"V1Node": "A plain node"}
