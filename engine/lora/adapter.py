"""PEFT's configuration of an adapter: it says what the factors are to be multiplied with.

It is in the metadata of a file (``lora_adapter_metadata``, keys prefixed by component) or beside it
(``adapter_config.json``). kohya's files have an alpha for each module instead, which goes first.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, sqrt
from pathlib import Path
from typing import Any

from engine.weights.handles import WeightsFile

_ADAPTER_FILE = "adapter_model"
_CONFIG_FILE = "adapter_config.json"
_MAX_CONFIG = 1 << 20
# A pattern of a config is matched against some thousand names, and some would take for ever: those
# that repeat a group, or repeat much. Real ones are plain paths.
_MAX_PATTERN, _MAX_REPEATS = 200, 2
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
_REPEAT = re.compile(r"[*+{]")


@dataclass(frozen=True)
class AdapterConfig:
    """What a configuration says, by component; "" stands for any."""

    fields: Mapping[str, Mapping[str, Any]]

    def scale(self, component: str, module: str, rank: int) -> float | None:
        """alpha / rank of ``module``, or alpha / sqrt(rank) (rsLoRA, Kalajdzievski 2023).

        None when the configuration says nothing about it.
        """
        fields = self.fields.get(component) or self.fields.get("")
        alpha = _number(_alpha(fields, module)) if fields else None
        if fields is None or alpha is None or rank < 1:
            return None
        return alpha / (sqrt(rank) if fields.get("use_rslora") is True else rank)


def _alpha(fields: Mapping[str, Any], module: str) -> object:
    patterns = fields.get("alpha_pattern")
    for pattern, alpha in (patterns if isinstance(patterns, dict) else {}).items():
        if _matches(pattern, module):
            return alpha
    return fields.get("lora_alpha")


@lru_cache(maxsize=4096)
def _matches(pattern: str, module: str) -> bool:
    """PEFT takes keys of ``alpha_pattern`` for regular expressions."""
    if len(pattern) > _MAX_PATTERN or len(_REPEAT.findall(pattern)) > _MAX_REPEATS:
        return False
    if _REPEATED_GROUP.search(pattern):
        return False
    try:
        return re.match(rf"^(.*\.)?(?:{pattern})$", module) is not None
    except re.error:
        return False


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:  # an integer may have any number of digits
        return None
    return found if isfinite(found) else None


def config_beside(file: WeightsFile) -> WeightsFile | None:
    """The configuration next to PEFT's own file name, as it is now."""
    path = Path(file.path)
    beside = path.with_name(_CONFIG_FILE)
    return WeightsFile.of(beside) if path.stem == _ADAPTER_FILE and beside.is_file() else None


def read_adapter(metadata: Mapping[str, str], beside: WeightsFile | None) -> AdapterConfig | None:
    """The configuration in ``metadata``, else the one in the file ``beside``; broken ones count as
    none, since most files do without.
    """
    if "lora_adapter_metadata" in metadata:
        return _by_component(_parsed(metadata["lora_adapter_metadata"]))
    if beside is not None and beside.size <= _MAX_CONFIG:
        try:
            text = Path(beside.path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        fields = _parsed(text)
        return AdapterConfig({"": fields}) if fields else None
    return None


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _by_component(fields: Mapping[str, Any]) -> AdapterConfig | None:
    """Keys are ``unet.lora_alpha``, or without a component."""
    components: dict[str, dict[str, Any]] = {}
    for key, value in fields.items():
        component, _, field = key.rpartition(".")
        components.setdefault(component, {})[field] = value
    return AdapterConfig(components) if components else None
