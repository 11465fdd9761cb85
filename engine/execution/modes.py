"""How results are kept, as ComfyUI's flags say it. Imports nothing heavy: the server reads it, too.

| flag | keeps in memory | on disk unless ``--cache-disk`` says otherwise |
| --- | --- | --- |
| (none of them) | what is worth most per byte, within the budget | 10 GB |
| ``--cache-classic`` | what the last prompt needed | nothing |
| ``--cache-lru N`` | what any of the last N prompts needed; 0 is as without the flag | 10 GB |
| ``--cache-none`` | nothing | nothing |
| ``--cache-ram [GB]`` | everything, while this much of the machine's memory stays free | 10 GB |

The mode never changes what a prompt gives, only what is computed again.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["budget", "classic", "lru", "none", "ram"]

GB = 1 << 30
_DISK_GB = 10.0
# Without a number a quarter of the memory stays free, but never less or more than this.
_LEAST, _MOST = 2 * GB, 32 * GB


@dataclass(frozen=True, slots=True)
class CacheMode:
    """What the flags ask for.

    Attributes:
        prompts: how many of the last prompts keep their results (``classic`` and ``lru``).
        free_gb: memory that stays free in ``ram`` mode; None: a quarter of it.
        disk_gb: room on disk; None: what the kind has by default; 0: none.
        folder: where on disk; None: the user folder's ``cache``.
    """

    kind: Kind = "budget"
    prompts: int = 0
    free_gb: float | None = None
    disk_gb: float | None = None
    folder: Path | None = None

    @property
    def disk_bytes(self) -> int:
        """Bytes that the disk tier may take; 0: there is none."""
        chosen = self.disk_gb
        if chosen is None:
            chosen = 0.0 if self.kind in ("classic", "none") else _DISK_GB
        return int(chosen * GB)

    def headroom(self, total: int) -> int:
        """Bytes that stay free in ``ram`` mode on a machine with ``total`` bytes."""
        if self.free_gb is not None:
            return int(self.free_gb * GB)
        return min(max(total // 4, _LEAST), _MOST)

    def flags(self) -> list[str]:
        """The flags that ask for this mode: how the server tells its worker."""
        found = {
            "budget": [],
            "classic": ["--cache-classic"],
            "lru": ["--cache-lru", str(self.prompts)],
            "none": ["--cache-none"],
            "ram": ["--cache-ram", *([] if self.free_gb is None else [str(self.free_gb)])],
        }[self.kind]
        if self.disk_gb is not None:
            found = [*found, "--cache-disk", str(self.disk_gb)]
        return found if self.folder is None else [*found, "--cache-dir", str(self.folder)]


def add_cache_flags(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` the flags that ``cache_mode`` reads."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--cache-classic", action="store_true", help="keep only the results of the last prompt"
    )
    one.add_argument(
        "--cache-lru", type=_count, default=0, metavar="N", help="keep those of the last N prompts"
    )
    one.add_argument("--cache-none", action="store_true", help="keep no results in memory")
    one.add_argument(
        "--cache-ram",
        type=_gigabytes,
        nargs="*",
        metavar="GB",
        help="keep results while this much memory stays free (default: a quarter)",
    )
    parser.add_argument(
        "--cache-disk",
        type=_gigabytes,
        metavar="GB",
        help="room for results on disk (default: 10; 0 keeps none)",
    )
    parser.add_argument(
        "--cache-dir", type=Path, help="where results on disk are (default: the user folder)"
    )


def cache_mode(options: argparse.Namespace) -> CacheMode:
    """The mode that the parsed flags ask for."""
    disk: float | None = options.cache_disk
    folder: Path | None = options.cache_dir
    if options.cache_classic:
        return CacheMode("classic", 1, None, disk, folder)
    if options.cache_lru:
        return CacheMode("lru", options.cache_lru, None, disk, folder)
    if options.cache_none:
        return CacheMode("none", 0, None, disk, folder)
    if options.cache_ram is not None:
        # ComfyUI takes a second number for results that are not in use; the larger one holds.
        return CacheMode("ram", 0, max(options.cache_ram, default=None), disk, folder)
    return CacheMode(disk_gb=disk, folder=folder)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of prompts")
    return number


def _gigabytes(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not an amount of gigabytes")
    return number
