"""``comfy_api.latest``: the V3 way to write nodes."""

from engine.compat.comfy_api.latest import io, ui
from engine.compat.v3.schema import ComfyExtension

__all__ = ["ComfyExtension", "io", "ui"]
