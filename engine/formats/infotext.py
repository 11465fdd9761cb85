"""Infotext, the "parameters" text that webui and its kin write into pictures, as named fields.

A prompt that may span lines, a negative prompt, and a last line of settings. What the fields mean
is `infotext_settings.py`'s business; where in a picture the text is, `infotext_places.py`'s.
Reading takes time linear in the text's length and never raises.
"""

import json
import re
from collections.abc import Iterator, Mapping

from engine.text.webui.attention import read_attention

Field = str | int | float | bool
Fields = dict[str, Field]

NEGATIVE = "Negative prompt:"
# Fewer settings than this in the last line, and it is a line of the prompt.
FEWEST = 3

_RUN = re.compile(r"[\w /-]++|[^\w /-]")
_QUOTED = re.compile(r'"(?:\\.|[^\\"])++"(?=,|$)')
_SIZE = re.compile(r"(\d+)x(\d+)", re.ASCII)
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
# Values that other tools write as JSON, with commas and without quotes.
_JSON_KEYS = ("Hashes", "Civitai resources", "Civitai metadata")

# What webui takes a setting to be that a text does not name.
DEFAULTS: Mapping[str, Field] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}
# The order in which settings are written; others stand before the version.
ORDER = (
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Image CFG scale",
    "Seed",
    "Face restoration",
    "Size",
    "Model hash",
    "Model",
    "FP8 weight",
    "VAE hash",
    "VAE",
    "Variation seed",
    "Variation seed strength",
    "Seed resize from",
    "Denoising strength",
    "Conditional mask weight",
    "Clip skip",
    "ENSD",
    "Token merging ratio",
    "Init image hash",
    "RNG",
    "Tiling",
)


def read_infotext(text: str) -> Fields:
    """All fields of `text`, with webui's defaults for those it does not name.

    >>> read_infotext("a cat\\nSteps: 20, Sampler: Euler, Seed: 5")["Seed"]
    '5'
    """
    fields = written_fields(text)
    prompts = (fields.pop("Prompt"), fields.pop("Negative prompt"))
    if "Emphasis" not in fields and any(_emphasised(str(prompt)) for prompt in prompts):
        fields["Emphasis"] = "Original"
    fields |= {"Prompt": with_networks(fields, prompts[0]), "Negative prompt": prompts[1]}
    fields |= _of_old_versions(fields)
    return {**DEFAULTS, **fields}


def written_fields(text: str) -> Fields:
    """The fields that `text` names, and `Prompt` and `Negative prompt`."""
    *lines, last = text.strip().split("\n")
    settings = list(_settings(last))
    if len(settings) < FEWEST:
        lines, settings = [*lines, last], []
    prompt, negative = _prompts(lines)
    fields: Fields = {}
    for key, value in settings:
        size = _SIZE.fullmatch(value)
        if size:
            fields |= {f"{key}-1": size[1], f"{key}-2": size[2]}
        elif value:
            fields[key] = value
    return {**fields, "Prompt": prompt, "Negative prompt": negative}


def write_infotext(fields: Mapping[str, Field]) -> str:
    """The text of `fields`, those that are empty left out.

    `read_infotext` finds the same fields in it, if the prompts have no lines of their own that
    look like settings.
    """
    rest = {key: value for key, value in _joined_sizes(fields).items() if value not in ("", None)}
    prompt = str(rest.pop("Prompt", ""))
    negative = str(rest.pop("Negative prompt", ""))
    last = [rest.pop("Version")] if "Version" in rest else []
    known = [key for key in ORDER if key in rest]
    keys = [*known, *(key for key in rest if key not in ORDER)]
    pairs = [*((key, rest[key]) for key in keys), *(("Version", value) for value in last)]
    settings = ", ".join(f"{key}: {quoted(value)}" for key, value in pairs)
    return "\n".join(
        line for line in (prompt, f"{NEGATIVE} {negative}" if negative else "", settings) if line
    )


def quoted(value: Field) -> Field:
    """`value` as it is written: as JSON where it would be taken for more than one setting."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if not isinstance(value, str):
        return value
    unclear = any(char in value for char in ",:\n") or value != value.strip()
    return json.dumps(value, ensure_ascii=False) if unclear or value[:1] == '"' else value


def with_networks(fields: Mapping[str, Field], prompt: Field) -> str:
    """`prompt` with tags for the networks that old versions named among the settings."""
    tags = []
    if "Hypernet" in fields:
        tags.append(f"<hypernet:{fields['Hypernet']}:{fields.get('Hypernet strength', '1.0')}>")
    for key, value in fields.items():
        number = key.removeprefix("AddNet Model ")
        if number != key and value != "None":
            name = str(value).rpartition("(")[0] or value
            tags.append(f"<lora:{name}:{fields.get(f'AddNet Weight A {number}', '1')}>")
    return str(prompt) + "".join(tag for tag in tags if tag not in str(prompt))


def version_of(fields: Mapping[str, Field]) -> tuple[int, int, int] | None:
    """The version of webui that wrote the text, or None."""
    match = _VERSION.match(str(fields.get("Version", "")))
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _prompts(lines: list[str]) -> tuple[str, str]:
    parts: tuple[list[str], list[str]] = ([], [])
    at = 0
    for line in lines:
        text = line.strip()
        if text.startswith(NEGATIVE):
            at = 1
            text = text[len(NEGATIVE) :].strip()
        if text or parts[at]:
            parts[at].append(text)
    return "\n".join(parts[0]), "\n".join(parts[1])


def _settings(line: str) -> Iterator[tuple[str, str]]:
    """Keys and values in the line of settings, quotes taken off."""
    at, key = 0, ""
    while match := _RUN.match(line, at):
        at = match.end()
        if match[0] != ":":
            key = match[0].lstrip(" /-")
            continue
        if len(key) > 1:
            value, at = _value(line, at + _spaces(line, at), key)
            yield key, value
        key = ""


def _spaces(line: str, at: int) -> int:
    match = _SPACES.match(line, at)
    return len(match[0]) if match else 0


_SPACES = re.compile(r"\s*")


def _value(line: str, at: int, key: str) -> tuple[str, int]:
    """The value that begins at `at`, and where the next key may begin."""
    if key in _JSON_KEYS and line[at : at + 1] in ("{", "["):
        try:
            _, end = json.JSONDecoder().raw_decode(line, at)
        except (ValueError, RecursionError):
            end = at
        if end > at:
            return line[at:end], end
    match = _QUOTED.match(line, at)
    if match:
        return _unquoted(match[0]), match.end()
    end = line.find(",", at)
    end = len(line) if end < 0 else end
    return _unquoted(line[at:end]), end


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, str) else value


def _joined_sizes(fields: Mapping[str, Field]) -> dict[str, Field]:
    """`fields` with `Size` for `Size-1` and `Size-2`, and so on."""
    joined: dict[str, Field] = {}
    for key, value in fields.items():
        name, _, number = key.rpartition("-")
        if number in ("1", "2") and f"{name}-1" in fields and f"{name}-2" in fields:
            joined[name] = f"{fields[f'{name}-1']}x{fields[f'{name}-2']}"
        else:
            joined[key] = value
    return joined


def _emphasised(prompt: str) -> bool:
    return any(piece.weight != 1 and not piece.breaks for piece in read_attention(prompt))


def _of_old_versions(fields: Mapping[str, Field]) -> Fields:
    """What versions did that later ones do otherwise."""
    version = version_of(fields)
    found: Fields = {}
    if version is None:
        return found
    if version < (1, 6, 0) and "[" in str(fields["Prompt"]):
        found["Old prompt editing timelines"] = True
    if version < (1, 6, 0) and fields.get("Sampler") == "DDIM":
        found["Pad conds v0"] = True
    if version < (1, 8, 0):
        found["Downcast alphas_cumprod"] = True
        if "Refiner" in fields:
            found["Refiner switch by sampling steps"] = True
    return found
