"""What a V3 node class declares, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from engine.compat.hidden import UNIQUE_ID
from engine.compat.v3.base import Input, Output


class Hidden(StrEnum):
    """What the engine tells a node that asks for it."""

    unique_id = UNIQUE_ID
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"  # noqa: S105 - a word, no secret
    api_key_comfy_org = "API_KEY_COMFY_ORG"


class HiddenHolder:
    """``cls.hidden``: the values of what the schema lists; anything else is None."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@dataclass
class Schema:
    """A V3 node class as data; see ``NodeSpec`` for what its parts mean."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_api_node: bool = False
    is_dev_only: bool = False
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    has_intermediate_output: bool = False
    search_aliases: list[str] | None = None
    essentials_category: str | None = None
    price_badge: Any = None
    loop_boundary: str | None = None

    def __post_init__(self) -> None:
        # Packs say None for "none of them".
        self.inputs, self.outputs = list(self.inputs or ()), list(self.outputs or ())
        self.hidden = list(self.hidden or ())

    def check(self) -> None:
        """Raises ValueError when two inputs, or two outputs, have one id."""
        for kind, ids in (("inputs", [i.id for i in self.inputs]), ("outputs", self.output_ids())):
            twice = {one for one in ids if ids.count(one) > 1}
            if twice:
                names = ", ".join(sorted(twice))
                raise ValueError(f"{self.node_id} has several {kind} with the id {names}.")

    def output_ids(self) -> list[str]:
        return [one.id or f"_{n}_{one.get_io_type()}_" for n, one in enumerate(self.outputs)]

    def hidden_words(self) -> dict[str, str]:
        """By attribute of ``cls.hidden`` the magic word. Output nodes get what pictures embed."""
        also = [Hidden.prompt, Hidden.extra_pnginfo] if self.is_output_node else []
        return {one.name: one.value for one in dict.fromkeys([*self.hidden, *also])}


class NodeOutput:
    """What ``execute`` returns.

    Args:
        args: the values of the outputs.
        ui: what is shown on the node.
        expand: a graph to put in the node's place, in API format.
        block_execution: a message; all outputs are blocked.
    """

    def __init__(
        self,
        *args: Any,
        ui: Any = None,
        expand: Mapping[str, Any] | None = None,
        block_execution: str | None = None,
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        return self.args or None

    def __getitem__(self, index: int) -> Any:
        return self.args[index]


class ComfyNode:
    """Base of V3 node classes: class methods only, no state.

    A class may also have ``validate_inputs``, ``fingerprint_inputs`` and ``check_lazy_status``.
    """

    hidden: ClassVar[Any] = HiddenHolder({})

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError(f"{cls.__name__} must have a class method define_schema.")

    @classmethod
    def execute(cls, **inputs: Any) -> Any:
        raise NotImplementedError(f"{cls.__name__} must have a class method execute.")


class ComfyExtension:
    """What the ``comfy_entrypoint`` of a pack gives."""

    async def on_load(self) -> None:
        """Called once, before the nodes are asked for."""

    async def get_node_list(self) -> list[type[ComfyNode]]:
        raise NotImplementedError(f"{type(self).__name__} must have get_node_list.")
