"""Makes the pictures of the README with the starter models, through the same engine as everything.

    python -m tools.readme_pictures

Writes docs/images/prompts.png (some prompts) and docs/images/strengths.png (one seed, three LoRAs,
five strengths each).
"""

import tempfile
import uuid
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

import worker
from engine.execution.job import Cancel, Job
from engine.formats.api import read_prompt
from engine.graph.validation import validate

DOCS = Path(__file__).resolve().parent.parent / "docs" / "images"
SIDE, GAP, LABEL = 128, 6, 18
PROMPTS = (
    "a large red star above a small blue ring on a yellow background",
    "two green hearts on a pink background",
    "a large orange diamond on a blue background",
    "a large blue ring on a white background",
    "a large yellow triangle on a green background",
)
LORAS = ("starter-outline", "starter-dark", "starter-detail")
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)

Lora = tuple[str, float]


def main() -> None:
    with tempfile.TemporaryDirectory() as base:
        engine = worker.Engine(
            worker.parser().parse_args(["--base-directory", base, "--device", "cpu"])
        )
        folder = Path(base) / "output"
        DOCS.mkdir(parents=True, exist_ok=True)
        row = [picture(engine, folder, text, seed=7) for text in PROMPTS]
        sheet([row], [""], [""] * len(row)).save(DOCS / "prompts.png", optimize=True)
        rows = [
            [picture(engine, folder, PROMPTS[0], 7, (name, strength)) for strength in STRENGTHS]
            for name in LORAS
        ]
        labels = [f"{strength:+g}" for strength in STRENGTHS]
        sheet(rows, [name.removeprefix("starter-") for name in LORAS], labels).save(
            DOCS / "strengths.png", optimize=True
        )
        engine.executor.close()


def picture(engine: worker.Engine, folder: Path, text: str, seed: int, *loras: Lora) -> Image.Image:
    """One picture of the starter checkpoint. Raises RuntimeError with the node's own words."""
    checked = validate(
        read_prompt(graph(text, seed, loras)), engine.catalogue, engine.executor.folders
    )
    if checked.error:
        raise RuntimeError(f"{checked.error.message} {checked.node_errors}")
    # A name of its own: a prompt that is tried again saves no second picture.
    job = Job(uuid.uuid4().hex, checked.graph, checked.outputs)
    outcome = engine.run(job, lambda _event: None, Cancel())
    if outcome.status != "success":
        raise RuntimeError(outcome.messages[-1][1]["exception_message"])
    return Image.open(folder / outcome.outputs["save"]["images"][0]["filename"]).convert("RGB")


def graph(text: str, seed: int, loras: tuple[Lora, ...]) -> dict[str, Any]:
    """The graph of the first start, in API format."""
    nodes: dict[str, Any] = {}

    def add(name: str, class_type: str, **inputs: Any) -> None:
        nodes[name] = {"class_type": class_type, "inputs": inputs}

    add("ckpt", "CheckpointLoaderSimple", ckpt_name="patchbay-starter.safetensors")
    model, clip = ["ckpt", 0], ["ckpt", 1]
    for lora, strength in loras:
        add(
            lora,
            "LoraLoader",
            model=model,
            clip=clip,
            lora_name=f"{lora}.safetensors",
            strength_model=strength,
            strength_clip=strength,
        )
        model, clip = [lora, 0], [lora, 1]
    add("positive", "CLIPTextEncode", text=text, clip=clip)
    add("negative", "CLIPTextEncode", text="", clip=clip)
    add("latent", "EmptyLatentImage", width=SIDE, height=SIDE, batch_size=1)
    add(
        "sample",
        "KSampler",
        model=model,
        seed=seed,
        steps=20,
        cfg=5.0,
        sampler_name="euler",
        scheduler="normal",
        positive=["positive", 0],
        negative=["negative", 0],
        latent_image=["latent", 0],
        denoise=1.0,
    )
    add("decode", "VAEDecode", samples=["sample", 0], vae=["ckpt", 2])
    add("save", "SaveImage", images=["decode", 0], filename_prefix="readme")
    return nodes


def sheet(rows: list[list[Image.Image]], names: list[str], labels: list[str]) -> Image.Image:
    """Rows of pictures with a name before each row and a label above each column."""
    left = 70 if any(names) else GAP
    top = LABEL if any(labels) else GAP
    columns = len(rows[0])
    size = left + columns * (SIDE + GAP), top + len(rows) * (SIDE + GAP)
    canvas = Image.new("RGB", size, "#121317")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(12)
    for column, label in enumerate(labels):
        x = left + column * (SIDE + GAP) + SIDE // 2
        draw.text((x, top // 2), label, "#98a0ae", font, anchor="mm")
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + number * (SIDE + GAP)
        draw.text((left - GAP * 2, y + SIDE // 2), name, "#e7e9ee", font, anchor="rm")
        for column, image in enumerate(row):
            canvas.paste(image, (left + column * (SIDE + GAP), y))
    return canvas


if __name__ == "__main__":
    main()
