"""The error of this room."""

from engine.weights.errors import WeightsError


class LoraError(WeightsError):
    """A LoRA file cannot be applied. The text is a sentence for the person at the canvas."""
