"""The package ``comfy``, as packs import it."""

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"'comfy.{name}' is not provided here: this engine has only part of what packs can import "
        "from ComfyUI."
    )
