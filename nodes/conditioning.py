"""Nodes that turn text into conditioning."""

from typing import Annotated

from engine.graph.native import Range, Text, node
from engine.graph.run import Run
from engine.text.chunks import tokenize
from engine.text.encode import encode_prompt
from engine.weights.residency import Residency
from nodes.types import CLIP, CONDITIONING


@node(
    "CLIPTextEncode",
    "CLIP Text Encode (Prompt)",
    category="conditioning",
    lane="device",
    aliases=("CLIPEncode",),
)
def clip_text_encode(
    *, run: Run, text: Annotated[str, Text(multiline=True, dynamic_prompts=True)], clip: CLIP
) -> CONDITIONING:
    """Encodes a prompt, with `(word:1.2)` weights, into what guides the model."""
    for name in tokenize(text).references:
        run.show("warnings", [f"embedding:{name} is not applied; its name is read as plain words."])
    encoder = run.service(Residency).text_encoder(clip, run.check)
    cond, pooled = encode_prompt(text, encoder, clip.stop_at_layer)
    return [[cond, {"pooled_output": pooled}]]


@node("CLIPSetLastLayer", "CLIP Set Last Layer", category="conditioning")
def clip_set_last_layer(
    *, clip: CLIP, stop_at_clip_layer: Annotated[int, Range(-24, -1, 1)] = -1
) -> CLIP:
    """Takes the text encoder's output from an earlier layer (clip skip; -1 is the last)."""
    return clip.stopped_at(stop_at_clip_layer)
