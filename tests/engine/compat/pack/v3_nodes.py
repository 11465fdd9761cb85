"""V3 classes as packs write them, one for each rule of the contract."""

from enum import Enum

from comfy_api.latest import ComfyExtension, io, ui


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Toy(io.ComfyNode):
    """Returns its inputs as they came."""

    INPUTS = ()
    OPTIONS = {}

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id=f"V3{cls.__name__}",
            category="toys/v3",
            inputs=list(cls.INPUTS),
            outputs=[io.AnyType.Output("seen")],
            **cls.OPTIONS,
        )

    @classmethod
    def execute(cls, **inputs):
        return io.NodeOutput(inputs)


class Everything(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        match = io.MatchType.Template("T", allowed_types=[io.Image, io.Mask])
        return io.Schema(
            node_id="V3Everything",
            display_name=None,
            inputs=[
                io.Image.Input("image", tooltip="A picture."),
                io.Int.Input(
                    "count", default=3, min=0, max=5, display_mode=io.NumberDisplay.slider
                ),
                io.Float.Input("ratio", optional=True, lazy=True, round=0.1),
                io.String.Input("text", dynamic_prompts=True),
                io.Boolean.Input("flag", label_on="yes"),
                io.Combo.Input("mode", options=Mode, default=Mode.SLOW),
                io.Combo.Input("file", ["a.png"], upload=io.UploadType.image),
                io.MultiCombo.Input("kinds", options=["a", "b"], chip=True),
                io.Custom("PACK_TYPE").Input("own", optional=True, extra_dict={"pack.key": 1}),
                io.MultiType.Input("either", types=[io.Image, io.Mask], optional=True),
                io.MultiType.Input(io.Float.Input("number", default=0.5), types=[io.Int]),
                io.MatchType.Input("match", template=match),
            ],
            outputs=[
                io.Image.Output(),
                io.MatchType.Output(match, "matched", tooltip="same as match", is_output_list=True),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
            is_experimental=True,
            search_aliases=["all"],
        )

    @classmethod
    def execute(cls, **inputs):
        return None


class Returns(io.ComfyNode):
    KINDS = {
        "output": lambda: io.NodeOutput(1, "a", ui=ui.PreviewText("hello")),
        "tuple": lambda: (1, "a"),
        "dict": lambda: {"result": (1, "a"), "ui": {"text": ["hello"]}},
        "none": lambda: None,
        "blocked": lambda: io.NodeOutput(block_execution="not now"),
        "blocker": lambda: io.ExecutionBlocker("stop"),
        "ui": lambda: ui.SavedImages([ui.SavedResult("a.png", "", ui.FolderType.temp)]),
        "expand": lambda: io.NodeOutput(["x", 0], expand={"x": {"class_type": "Y", "inputs": {}}}),
    }

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="V3Returns",
            inputs=[io.Combo.Input("kind", options=list(cls.KINDS))],
            outputs=[io.Int.Output(), io.String.Output()],
        )

    @classmethod
    def execute(cls, kind):
        return cls.KINDS[kind]()


class Expands(Returns):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            "V3Expands",
            inputs=[io.String.Input("kind")],
            outputs=[io.Int.Output()],
            enable_expand=True,
        )


class Locked(Toy):
    INPUTS = (io.Boolean.Input("change"),)
    OPTIONS = {"hidden": [io.Hidden.unique_id, io.Hidden.dynprompt]}

    @classmethod
    def execute(cls, change):
        if change:
            cls.count = 1
        return io.NodeOutput((cls.hidden.unique_id, cls.hidden.prompt, cls.hidden.whatever))


class Waits(Locked):
    @classmethod
    async def execute(cls, change):
        return (cls.hidden.unique_id,)


class Grows(Toy):
    INPUTS = (
        io.Autogrow.Input(
            "images",
            template=io.Autogrow.TemplatePrefix(io.Int.Input("image", max=9), "image", 2, 4),
        ),
        io.Autogrow.Input(
            "named", template=io.Autogrow.TemplateNames(io.Int.Input("n"), ["red", "blue"], 0)
        ),
    )


class Chooses(Toy):
    INPUTS = (
        io.DynamicCombo.Input(
            "mode",
            options=[
                io.DynamicCombo.Option("blur", [io.Int.Input("radius", min=1)]),
                io.DynamicCombo.Option(
                    "mix",
                    [
                        io.DynamicCombo.Input(
                            "how",
                            options=[io.DynamicCombo.Option("add", [io.Float.Input("amount")])],
                        )
                    ],
                ),
                io.DynamicCombo.Option("none", []),
            ],
        ),
    )


class Slots(Toy):
    INPUTS = (
        io.DynamicSlot.Input(
            io.Int.Input("slot", optional=True), inputs=[io.Float.Input("strength", max=1)]
        ),
    )


class Rows(Toy):
    INPUTS = (
        io.DynamicGroup.Input(
            "loras", [io.String.Input("name"), io.Float.Input("strength")], min=1, max=3
        ),
    )


class Lazy(Toy):
    INPUTS = (
        io.Boolean.Input("on"),
        io.Autogrow.Input(
            "all", template=io.Autogrow.TemplatePrefix(io.Int.Input("n", lazy=True), "n", 0, 3)
        ),
    )

    @classmethod
    def check_lazy_status(cls, on, all):
        return [key for value, key in all.values() if on and value is None]


class Checks(Toy):
    INPUTS = (
        io.Int.Input("value", max=5),
        io.Autogrow.Input(
            "rows", template=io.Autogrow.TemplatePrefix(io.Int.Input("n"), "n", 0, 3)
        ),
    )

    @classmethod
    def validate_inputs(cls, value, rows):
        return True if value == len(rows) else f"{len(rows)} rows, not {value}"

    @classmethod
    def fingerprint_inputs(cls, value, rows):
        return (value, rows)


class AcceptsAll(Toy):
    INPUTS = (io.Int.Input("value"),)
    OPTIONS = {"accept_all_inputs": True}


class Twice(Toy):
    INPUTS = (io.Int.Input("value"), io.Int.Input("value"))


class Extension(ComfyExtension):
    loaded = False

    async def on_load(self):
        self.loaded = True

    async def get_node_list(self):
        assert self.loaded
        return [
            *(Everything, Returns, Expands, Locked, Waits, Grows, Chooses, Slots, Rows, Lazy),
            *(Checks, AcceptsAll, Twice),
        ]


async def comfy_entrypoint():
    return Extension()
