"""Nodes that read, save and show pictures."""

import secrets
from typing import Annotated

import torch

from engine.files.naming import output_names
from engine.formats.metadata import MetadataPolicy, picture_texts
from engine.graph.native import File, node
from engine.graph.run import Run
from nodes.pictures import png_bytes, read_picture
from nodes.types import IMAGE, MASK

_PROMPT = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


@node("LoadImage", "Load Image", category="image")
def load_image(
    *, run: Run, image: Annotated[str, File("input", upload=True)]
) -> tuple[IMAGE, MASK]:
    """Reads a picture of the input folder, and its transparency as a mask."""
    return read_picture(run.folders.find_picture(image))


@node("SaveImage", "Save Image", category="image", output=True, hidden=_PROMPT)
def save_image(*, run: Run, images: IMAGE, filename_prefix: str = "ComfyUI") -> None:
    """Saves pictures as PNG, each with the workflow that made it."""
    _write(run, images, "output", filename_prefix, compression=4)


@node("PreviewImage", "Preview Image", category="image", output=True, hidden=_PROMPT)
def preview_image(*, run: Run, images: IMAGE) -> None:
    """Shows pictures without keeping them."""
    # The name is random because whoever knows it may view the picture.
    _write(run, images, "temp", f"preview_{secrets.token_hex(8)}", compression=1)


def _write(run: Run, images: torch.Tensor, place: str, prefix: str, *, compression: int) -> None:
    height, width = images.shape[1:3]
    root = run.folders.place(place)
    policy = run.service(MetadataPolicy)
    texts = picture_texts(run.prompt, run.extra, policy.engine) if policy.embed else {}
    for number, picture in enumerate(images):
        run.check()
        numbered = prefix.replace("%batch_num%", str(number))
        names = output_names(root, numbered, width, height)
        path = names.write(".png", png_bytes(picture, texts, compression), _claim(run, number))
        subfolder = path.parent.relative_to(names.root).as_posix()
        shown = {"filename": path.name, "subfolder": "" if subfolder == "." else subfolder}
        run.show("images", [{**shown, "type": place}])


def _claim(run: Run, number: int) -> str:
    """Which picture of which prompt this is; a prompt's id may come again, but not at that time."""
    when = run.extra.get("create_time")
    return f"{run.prompt_id} {when} {run.node_id} {run.list_index} {number}"
