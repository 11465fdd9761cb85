"""Helpers that many tests share: where the golden numbers are."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def vectors(*parts: str) -> Path:
    """A file of golden numbers; ``PATCHBAY_VECTORS`` names another set in the same format."""
    root = Path(os.environ.get("PATCHBAY_VECTORS", REPOSITORY / "tests" / "vectors"))
    return root.joinpath(*parts)
