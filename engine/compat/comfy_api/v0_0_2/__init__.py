"""``comfy_api.v0_0_2``: the version of the V3 interface that ``latest`` is."""

from engine.compat.comfy_api.latest import ComfyExtension, io, ui

__all__ = ["ComfyExtension", "io", "ui"]
