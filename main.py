"""The command line: ``python main.py`` serves; the server starts ``python main.py worker``."""

import sys
from importlib import import_module


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Each command imports only what it needs: the server never loads torch, which is why it answers
    within a second.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["worker"]:
        from engine.queue import worker  # noqa: PLC0415

        # Imported only after the worker has its pipes in safety: torch and packs may print, and
        # what fails on the way is told to the server.
        return worker.main(lambda: import_module("worker").engine(arguments[1:]))
    from web.server.app import serve  # noqa: PLC0415
    from web.server.options import parse  # noqa: PLC0415

    return serve(parse(arguments))


if __name__ == "__main__":
    sys.exit(main())
