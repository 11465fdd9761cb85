"""The node catalogue on disk, so that a server can answer before its worker is up.

It is worth something only as long as the code that made it is unchanged: a fingerprint of the
source files goes with it.
"""

import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from engine.files.atomic import write_atomic
from engine.graph.catalogue import Catalogue

_log = logging.getLogger(__name__)


def fingerprint(roots: Iterable[Path], *also: str) -> str:
    """A hash of the names and contents of all Python files below ``roots``, and of ``also``.

    A file that cannot be read counts as empty: whether it matters is for its importer to say.
    """
    digest = blake2b(f"{sys.version}\0{also}".encode(), digest_size=16)
    for path in sorted(path for root in roots if root.is_dir() for path in root.rglob("*.py")):
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        digest.update(f"\0{path}\0{len(content)}\0".encode(errors="surrogateescape") + content)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """The catalogue kept at ``path`` for installations with ``fingerprint``."""

    path: Path
    fingerprint: str

    def read(self) -> Catalogue | None:
        """The catalogue, or None when there is none for this fingerprint."""
        try:
            data = json.loads(self.path.read_bytes())
            if data["fingerprint"] != self.fingerprint:
                return None
            return Catalogue.from_json(data["catalogue"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("The node list kept in %s cannot be used: %s", self.path, error)
            return None

    def write(self, catalogue: Catalogue) -> None:
        data = {"fingerprint": self.fingerprint, "catalogue": catalogue.to_json()}
        try:
            write_atomic(self.path, json.dumps(data).encode())
        except OSError as error:
            _log.warning("The node list cannot be kept in %s: %s", self.path, error)
