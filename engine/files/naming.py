"""Names of saved files: ``<prefix>_00001_.png``, counted up within the folder of the prefix."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from engine.files.confine import confine
from engine.files.once import write_once


@dataclass(frozen=True, slots=True)
class OutputNames:
    """Where a save node writes and which numbers are free.

    Attributes:
        root: the output root, without symbolic links.
        first: the lowest number that no file of this prefix has reached.
    """

    root: Path
    folder: Path
    stem: str
    first: int

    def write(self, suffix: str, data: bytes, claim: str) -> Path:
        """Write a file under the next free number; nothing is ever overwritten.

        If ``claim`` was written before, that is the file; see ``once.py``.
        """

        def path_of(number: int) -> Path:
            return self.folder / f"{self.stem}_{number:05}_{suffix}"

        return write_once(self.root, claim, path_of, data, start=self.first)


def output_names(root: Path, prefix: str, width: int = 0, height: int = 0) -> OutputNames:
    """Names for files saved below ``root`` under ``prefix``, which may name sub-folders.

    ``%width%``, ``%height%`` and ``%year% %month% %day% %hour% %minute% %second%`` are replaced.

    Raises:
        PathRefused: the prefix leads out of ``root``.
    """
    now = time.localtime()
    tokens = {
        "width": str(width),
        "height": str(height),
        "year": str(now.tm_year),
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    prefix = re.sub(r"%(\w+)%", lambda m: tokens.get(m[1], m[0]), prefix).replace("\\", "/")
    subfolder, _, stem = prefix.rpartition("/")
    folder = confine(root, subfolder)
    confine(root, f"{prefix}_")
    return OutputNames(confine(root, ""), folder, stem, _highest(folder, stem) + 1)


def _highest(folder: Path, stem: str) -> int:
    pattern = re.compile(re.escape(stem) + r"_(\d+)_?\.", re.IGNORECASE)
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return 0
    return max((int(found[1]) for name in names if (found := pattern.match(name))), default=0)
