"""Where infotext is in pictures other than as a PNG text: EXIF comments, and NovelAI's own form."""

import json
from collections.abc import Mapping
from typing import Any

from engine.formats.infotext import Field, write_infotext

_UNICODE = b"UNICODE\0"
_ASCII = b"ASCII\0\0\0"
_NOVELAI_SAMPLERS = {
    "k_euler_ancestral": "Euler a",
    "k_euler": "Euler",
    "k_lms": "LMS",
    "k_heun": "Heun",
    "k_dpm_2": "DPM2",
    "k_dpm_2_ancestral": "DPM2 a",
    "k_dpmpp_2m": "DPM++ 2M",
    "k_dpmpp_2s_ancestral": "DPM++ 2S a",
    "k_dpmpp_sde": "DPM++ SDE",
    "plms": "PLMS",
    "ddim": "DDIM",
}


def read_user_comment(comment: bytes) -> str:
    """The text of an EXIF UserComment (JPEG, WebP, AVIF). Never raises.

    Big-endian, as webui writes it; little-endian where that gives fewer strange characters.
    """
    if comment.startswith(_UNICODE):
        body = comment[len(_UNICODE) :]
        texts = [body.decode(code, "replace") for code in ("utf-16-be", "utf-16-le")]
        return max(texts, key=lambda text: sum(char.isascii() for char in text)).rstrip("\0")
    if comment.startswith(_ASCII):
        comment = comment[len(_ASCII) :]
    return comment.decode("utf-8", "replace").strip("\0")


def write_user_comment(text: str) -> bytes:
    """`text` as an EXIF UserComment, as webui writes it; half characters stay."""
    return _UNICODE + text.encode("utf-16-be", "surrogatepass")


def read_novelai(description: str, comment: str) -> str | None:
    """The infotext of a picture of NovelAI, whose `Software` says so, or None.

    `description` and `comment` are its PNG texts `Description` and `Comment`.
    """
    try:
        said = json.loads(comment)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, Mapping):
        return None
    fields: dict[str, Field] = {
        "Prompt": description,
        "Negative prompt": _text(said, "uc"),
        "Steps": _text(said, "steps"),
        "Sampler": _NOVELAI_SAMPLERS.get(_text(said, "sampler"), "Euler a"),
        "CFG scale": _text(said, "scale"),
        "Seed": _text(said, "seed"),
        "Clip skip": "2",
        "ENSD": "31337",
    }
    if _text(said, "width") and _text(said, "height"):
        fields["Size"] = f"{_text(said, 'width')}x{_text(said, 'height')}"
    return write_infotext(fields)


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key, "")
    return str(value) if isinstance(value, str | int | float) else ""
