"""What an infotext says of how its picture was made, as one value; and a value as an infotext.

Building a graph from it is not done here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.formats.infotext import (
    Field,
    read_infotext,
    version_of,
    write_infotext,
    written_fields,
)
from engine.formats.infotext_samplers import AUTOMATIC, NamedSampler, named_sampler

_SAME = ("Use same sampler", "Use same scheduler", "Use same checkpoint")
_SCHEDULES_SINCE = (1, 9, 0)
# Networks that old versions named here; they are tags in the prompt now.
_IN_PROMPT = ("Hypernet", "AddNet ")


@dataclass(frozen=True, slots=True)
class Hires:
    """The second pass of a hires fix; what is None or empty is as in the first.

    Attributes:
        upscale: how many times the first pass's size; None where `width` and `height` say it.
        upscaler: by its name in webui.
    """

    upscale: float | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    upscaler: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    sampler: str = ""
    schedule: str = ""
    checkpoint: str = ""
    cfg: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a picture was made, in webui's own words.

    Attributes:
        schedule: "Automatic" for the sampler's own.
        denoise: of img2img, or of the hires fix.
        rng: "GPU", "CPU" or "NV": which generator the noise is from.
        emphasis: how weights act: "Original", "No norm", "Ignore" or "None".
        lora_hashes, embedding_hashes: 12 digits by name.
        old_timelines: prompt editing means what it meant before webui 1.6.
        before_schedules: samplers have the schedules that they had before webui 1.9.
        others: settings that nothing here knows, as they are written.
        problems: sentences about what could not be read.
    """

    prompt: str = ""
    negative_prompt: str = ""
    steps: int | None = None
    sampler: str = ""
    schedule: str = AUTOMATIC
    cfg: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    model: str = ""
    model_hash: str = ""
    vae: str = ""
    vae_hash: str = ""
    variation_seed: int | None = None
    variation_strength: float | None = None
    resized_from: tuple[int, int] | None = None
    denoise: float | None = None
    clip_skip: int = 1
    ensd: int | None = None
    rng: str = "GPU"
    emphasis: str = "Original"
    hires: Hires | None = None
    refiner: str = ""
    refiner_at: float | None = None
    lora_hashes: Mapping[str, str] = field(default_factory=dict)
    embedding_hashes: Mapping[str, str] = field(default_factory=dict)
    template: str = ""
    version: str = ""
    old_timelines: bool = False
    before_schedules: bool = False
    others: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def named_sampler(self) -> NamedSampler:
        """What the sampler and its schedule are here."""
        return named_sampler(self.sampler, self.schedule, before_schedules=self.before_schedules)


def settings_of(text: str) -> Settings:
    """What an infotext says. Numbers that are none are left out, and told. Never raises."""
    reading = _Reading({**read_infotext(text)})
    named = written_fields(text)
    take, number, whole = reading.text, reading.number, reading.whole
    version = version_of(named)
    unsaid = "Schedule type" not in named and "Sampler" in named
    prompt, negative = take("Prompt"), take("Negative prompt")
    hires = _hires(reading) if any(key.startswith("Hires ") for key in named) else None
    width, height = whole("Size-1"), whole("Size-2")
    resized = whole("Seed resize from-1"), whole("Seed resize from-2")
    skip = whole("Clip skip")
    return Settings(
        prompt=prompt,
        negative_prompt=negative,
        steps=whole("Steps"),
        sampler=take("Sampler"),
        schedule=take("Schedule type"),
        cfg=number("CFG scale"),
        seed=whole("Seed"),
        width=width,
        height=height,
        model=take("Model"),
        model_hash=take("Model hash"),
        vae=take("VAE"),
        vae_hash=take("VAE hash"),
        variation_seed=whole("Variation seed"),
        variation_strength=number("Variation seed strength"),
        resized_from=None if None in resized else (resized[0] or 0, resized[1] or 0),
        denoise=number("Denoising strength"),
        clip_skip=1 if skip is None else skip,
        ensd=whole("ENSD"),
        rng=take("RNG"),
        emphasis=take("Emphasis") or "Original",
        hires=hires,
        refiner=take("Refiner"),
        refiner_at=number("Refiner switch at"),
        lora_hashes=_hashes(take("Lora hashes")),
        embedding_hashes=_hashes(take("TI hashes")),
        template=take("Wildcard prompt"),
        version=take("Version"),
        old_timelines=reading.left.get("Old prompt editing timelines") is True,
        before_schedules=unsaid and (version is None or version < _SCHEDULES_SINCE),
        others={
            key: str(reading.left[key])
            for key in named
            if key in reading.left and not key.startswith(_IN_PROMPT)
        },
        problems=tuple(reading.problems),
    )


def infotext_of(settings: Settings) -> str:
    """`settings` as webui 1.10 writes them, so that it and its kin can read them.

    Readers take a last line with fewer than three settings for a line of the prompt.
    """
    hires, resized, said = settings.hires, settings.resized_from, bool(settings.sampler)
    fields: dict[str, Field | None] = {
        "Prompt": settings.prompt,
        "Negative prompt": settings.negative_prompt,
        "Steps": settings.steps,
        "Sampler": settings.sampler,
        "Schedule type": settings.schedule if said and not settings.before_schedules else None,
        "CFG scale": settings.cfg,
        "Seed": settings.seed,
        "Size": _size(settings.width, settings.height),
        "Model hash": settings.model_hash,
        "Model": settings.model,
        "VAE hash": settings.vae_hash,
        "VAE": settings.vae,
        "Variation seed": settings.variation_seed,
        "Variation seed strength": settings.variation_strength,
        "Seed resize from": _size(*resized) if resized else None,
        "Denoising strength": settings.denoise,
        "Clip skip": settings.clip_skip if settings.clip_skip != 1 else None,
        "ENSD": settings.ensd,
        "RNG": settings.rng if settings.rng != "GPU" else None,
        **(_hires_fields(hires) if hires else {}),
        "Lora hashes": _written_hashes(settings.lora_hashes),
        "TI hashes": _written_hashes(settings.embedding_hashes),
        "Emphasis": settings.emphasis if settings.emphasis != "Original" else None,
        "Refiner": settings.refiner,
        "Refiner switch at": settings.refiner_at,
        "Wildcard prompt": settings.template,
        **settings.others,
        "Version": settings.version,
    }
    return write_infotext({key: value for key, value in fields.items() if value is not None})


class _Reading:
    """The fields that nobody has taken yet, and what was wrong with those that were."""

    def __init__(self, fields: dict[str, Field]) -> None:
        self.left = fields
        self.problems: list[str] = []

    def text(self, key: str) -> str:
        return str(self.left.pop(key, ""))

    def number(self, key: str) -> float | None:
        text = self.text(key)
        try:
            value = float(text) if text else None
        except ValueError:
            value = math.nan
        if value is None or math.isfinite(value):
            return value
        self.problems.append(f"{key} is {text[:40]!r}, which is not a number; it is left out.")
        return None

    def whole(self, key: str) -> int | None:
        text = str(self.left.get(key, "")).strip()
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 20:
            self.left.pop(key)
            return int(text)
        value = self.number(key)
        return None if value is None else int(value)


def _hires(reading: _Reading) -> Hires:
    take, number, whole = reading.text, reading.number, reading.whole
    sampler, schedule, checkpoint = (
        "" if value in _SAME else value
        for value in map(take, ("Hires sampler", "Hires schedule type", "Hires checkpoint"))
    )
    return Hires(
        upscale=number("Hires upscale"),
        width=whole("Hires resize-1") or None,
        height=whole("Hires resize-2") or None,
        steps=whole("Hires steps") or None,
        upscaler=take("Hires upscaler"),
        prompt=take("Hires prompt"),
        negative_prompt=take("Hires negative prompt"),
        sampler=sampler,
        schedule=schedule,
        checkpoint=checkpoint,
        cfg=number("Hires CFG Scale"),
    )


def _hires_fields(hires: Hires) -> dict[str, Field | None]:
    return {
        "Hires upscale": hires.upscale,
        "Hires resize": _size(hires.width, hires.height),
        "Hires steps": hires.steps,
        "Hires upscaler": hires.upscaler,
        "Hires sampler": hires.sampler,
        "Hires schedule type": hires.schedule,
        "Hires checkpoint": hires.checkpoint,
        "Hires prompt": hires.prompt,
        "Hires negative prompt": hires.negative_prompt,
        "Hires CFG Scale": hires.cfg,
    }


def _size(width: int | None, height: int | None) -> str:
    return "" if width is None or height is None else f"{width}x{height}"


def _hashes(text: str) -> dict[str, str]:
    """`name: digits, name: digits`; a name may hold neither colon nor comma."""
    pairs = (part.rpartition(":") for part in text.split(","))
    return {name.strip(): digits.strip() for name, colon, digits in pairs if colon}


def _written_hashes(hashes: Mapping[str, str]) -> str:
    cleaned = ((name.replace(":", "").replace(",", ""), digits) for name, digits in hashes.items())
    return ", ".join(f"{name}: {digits}" for name, digits in cleaned)
