"""Nodes that turn text into conditioning."""

from typing import Annotated, Any

from torch import Tensor

from engine.graph.native import Range, Text, node
from engine.graph.run import Run
from engine.sampling.lora_hooks import clip_spans
from engine.text.chunks import tokenize
from engine.text.encode import encode_prompt, encode_texts
from engine.weights.calls import TextEncoder
from engine.weights.handles import Clip
from engine.weights.residency import Residency
from nodes.types import CLIP, CONDITIONING

Prompt = Annotated[str, Text(multiline=True, dynamic_prompts=True)]
Pixels = Annotated[int, Range(0, 16384)]


@node(
    "CLIPTextEncode",
    "CLIP Text Encode (Prompt)",
    category="conditioning",
    lane="device",
    aliases=("CLIPEncode",),
)
def clip_text_encode(*, run: Run, text: Prompt, clip: CLIP) -> CONDITIONING:
    """Encodes a prompt, with `(word:1.2)` weights, into what guides the model."""
    return _encoded(run, clip, text)


@node("CLIPSetLastLayer", "CLIP Set Last Layer", category="conditioning")
def clip_set_last_layer(
    *, clip: CLIP, stop_at_clip_layer: Annotated[int, Range(-24, -1, 1)] = -1
) -> CLIP:
    """Takes the text encoder's output from an earlier layer (clip skip; -1 is the last)."""
    return clip.stopped_at(stop_at_clip_layer)


@node("CLIPTextEncodeSDXL", category="advanced/conditioning", lane="device")
def clip_text_encode_sdxl(
    *,
    run: Run,
    clip: CLIP,
    width: Pixels = 1024,
    height: Pixels = 1024,
    crop_w: Pixels = 0,
    crop_h: Pixels = 0,
    target_width: Pixels = 1024,
    target_height: Pixels = 1024,
    text_g: Prompt,
    text_l: Prompt,
) -> CONDITIONING:
    """Encodes a prompt for each of SDXL's text encoders, and the sizes the picture should have."""
    return _encoded(
        run,
        clip,
        text_l,
        text_g,
        width=width,
        height=height,
        crop_w=crop_w,
        crop_h=crop_h,
        target_width=target_width,
        target_height=target_height,
    )


@node("CLIPTextEncodeSDXLRefiner", category="advanced/conditioning", lane="device")
def clip_text_encode_sdxl_refiner(
    *,
    run: Run,
    ascore: Annotated[float, Range(0.0, 1000.0, 0.01)] = 6.0,
    width: Pixels = 1024,
    height: Pixels = 1024,
    text: Prompt,
    clip: CLIP,
) -> CONDITIONING:
    """Encodes a prompt for the SDXL refiner, with how beautiful the picture should be."""
    return _encoded(run, clip, text, aesthetic_score=ascore, width=width, height=height)


def _encoded(run: Run, clip: Clip, *texts: str, **options: Any) -> list[list[Any]]:
    """A text, or one for each of SDXL's encoders, as an entry for each part of a run in which the
    encoder is the same; what of ``texts`` cannot be acted upon is shown.
    """
    for name in dict.fromkeys(name for text in texts for name in tokenize(text).references):
        run.show("warnings", [f"embedding:{name} is not applied; its name is read as plain words."])
    entries = []
    for span in clip_spans(clip):
        encoders = run.service(Residency).text_encoders(span.clip, run.check)
        cond, pooled = _encode(texts, encoders, clip.stop_at_layer)
        entries.append([cond, {"pooled_output": pooled, **options, **span.options}])
    return entries


def _encode(
    texts: tuple[str, ...], encoders: tuple[TextEncoder, ...], layer: int | None
) -> tuple[Tensor, Tensor]:
    if len(texts) == 1:
        return encode_prompt(texts[0], encoders, layer)
    if [encoder.kind for encoder in encoders] != ["l", "g"]:
        raise ValueError(
            "This node encodes for SDXL, which has two text encoders, and the CLIP here is that of "
            "another model. Use CLIP Text Encode (Prompt)."
        )
    return encode_texts(texts, encoders, layer)
