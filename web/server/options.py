"""What a server is told on its command line, as one frozen value."""

import argparse
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from engine.execution.checkpoints import CHECKPOINT_INTERVAL, add_checkpoint_flag
from engine.execution.modes import CacheMode, add_cache_flags, cache_mode
from engine.files.folders import Folders
from engine.sampling.policy import SamplingPolicy, add_sampling_flags, sampling_policy
from engine.weights.wishes import Wishes, add_weights_flags, wishes
from web.server.flags import IGNORED

# The folder that holds main.py: the installation.
HOME = Path(__file__).resolve().parents[2]
_LOOPBACK = ("127.0.0.1",)
_EVERYWHERE = "0.0.0.0,::"  # what a bare --listen means
_DEVICE = re.compile(r"cpu|cuda:[0-9]{1,3}")
_MAX_WORKERS = 64


class BadOptions(ValueError):
    """The command line asks for something impossible or unsafe. The text is one line."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of one server.

    Attributes:
        listen: addresses to bind.
        places: folders chosen one by one (``input``, ``output``, ``temp``, ``user``).
        token: what every request must show, or None.
        cors_origin: the one foreign origin that browsers may call from, or ``*``.
        max_upload_size: bytes.
        devices: one worker for each; empty for one worker on every GPU there is, else on the CPU.
        ignored: flags that were given, are known, and mean nothing here.
    """

    listen: tuple[str, ...] = _LOOPBACK
    port: int = 8188
    base_directory: Path = HOME
    places: Mapping[str, Path] = field(default_factory=dict)
    front_end_root: Path | None = None
    max_upload_size: int = 100 * 2**20
    token: str | None = None
    token_generated: bool = False
    allowed_hosts: frozenset[str] = frozenset()
    insecure_no_auth: bool = False
    cors_origin: str | None = None
    devices: tuple[str, ...] = ()
    quick_test: bool = False
    disable_metadata: bool = False
    cache: CacheMode = field(default_factory=CacheMode)
    sampling: SamplingPolicy = field(default_factory=SamplingPolicy)
    weights: Wishes = field(default_factory=Wishes)
    debug_mutations: bool = False
    checkpoint_interval: float = CHECKPOINT_INTERVAL
    verbose: str = "INFO"
    ignored: tuple[str, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return all(is_loopback(address) for address in self.listen)

    def folders(self) -> Folders:
        return Folders(self.base_directory, HOME / "models", dict(self.places))

    def worker_arguments(self, device: str) -> list[str]:
        """What the worker process of a device is started with: nothing that it need not know."""
        arguments = ["--base-directory", str(self.base_directory), "--device", device]
        for place, path in self.places.items():
            arguments += [f"--{place}-directory", str(path)]
        arguments += ["--checkpoint-interval", str(self.checkpoint_interval)]
        arguments += ["--sharing", str(max(1, len(self.devices)))]
        arguments += self.sampling.flags()
        arguments += self.cache.flags()
        arguments += self.weights.flags()
        flags = {
            "--disable-metadata": self.disable_metadata,
            "--debug-mutations": self.debug_mutations,
        }
        return arguments + [flag for flag, given in flags.items() if given]


def is_loopback(address: str) -> bool:
    """Whether ``address`` (an IP address or a name) is this machine and nothing else."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def read_options(arguments: Sequence[str]) -> Options:
    """Understand a command line; the token may come from ``PATCHBAY_TOKEN``.

    A server that others can reach gets a random token unless it is given one.

    Raises:
        BadOptions: an unknown flag, a value that cannot be, or a combination that is not safe.
    """
    given = _parser().parse_args(list(arguments))
    options = Options(
        listen=tuple(part.strip() for part in given.listen.split(",") if part.strip()),
        port=given.port,
        base_directory=_folder("--base-directory", given.base_directory) or _default_base(),
        places=_places(given),
        front_end_root=_folder("--front-end-root", given.front_end_root),
        max_upload_size=int(given.max_upload_size * 2**20),
        token=given.token or os.environ.get("PATCHBAY_TOKEN") or None,
        allowed_hosts=frozenset(
            host.strip().lower() for text in given.allowed_hosts for host in text.split(",")
        ),
        insecure_no_auth=given.insecure_no_auth,
        cors_origin=given.enable_cors_header,
        devices=_devices(given),
        quick_test=given.quick_test_for_ci,
        disable_metadata=given.disable_metadata,
        cache=cache_mode(given),
        sampling=sampling_policy(given),
        weights=wishes(given),
        debug_mutations=given.debug_mutations,
        checkpoint_interval=given.checkpoint_interval,
        verbose=given.verbose,
        ignored=tuple(given.ignored or ()),
    )
    return _safe(options)


def without_token(arguments: Sequence[str]) -> list[str]:
    """A command line that may be shown: the token's value is covered."""
    shown = []
    covered = False
    for argument in arguments:
        shown.append("***" if covered else argument)
        covered = argument == "--token"
        if argument.startswith("--token="):
            shown[-1] = "--token=***"
    return shown


def _safe(options: Options) -> Options:
    if not options.listen:
        raise BadOptions("--listen names no address.")
    if options.cors_origin == "*" and options.token is None:
        raise BadOptions(
            "--enable-cors-header needs the origin to allow, such as https://example.org; "
            "'*' would let every web page use this server, so it is possible only with --token."
        )
    if options.is_loopback or options.token or options.insecure_no_auth:
        return options
    return replace(options, token=secrets.token_urlsafe(24), token_generated=True)


class _Parser(argparse.ArgumentParser):
    """Complains in one line, which launchers show, instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise BadOptions(f"{message[:1].upper()}{message[1:]}. See main.py --help.")


class _Ignore(argparse.Action):
    """Takes a flag and its arguments and only remembers that it was given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - the interface of argparse
        namespace: argparse.Namespace,
        values: object,  # noqa: ARG002 - the interface of argparse
        option_string: str | None = None,
    ) -> None:
        namespace.ignored = [*(namespace.ignored or ()), option_string]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="main.py", description="Serve Patchbay.", allow_abbrev=False)
    add = parser.add_argument
    local = _LOOPBACK[0]
    add("--listen", nargs="?", default=local, const=_EVERYWHERE, metavar="IP,...")
    add("--port", type=_port, default=8188)
    add("--base-directory", type=Path, help="holds models, input, output, user, custom_nodes")
    for place in ("input", "output", "temp", "user"):
        add(f"--{place}-directory", type=Path)
    add("--front-end-root", type=Path, help="serve this folder instead of the canvas")
    add("--max-upload-size", type=_positive, default=100.0, metavar="MIB")
    add("--token", help="what clients must show; also PATCHBAY_TOKEN")
    add("--allowed-hosts", action="append", default=[], metavar="NAME,...")
    add("--insecure-no-auth", action="store_true", help="let everybody in who can connect")
    add("--enable-cors-header", nargs="?", const="*", metavar="ORIGIN")
    add("--cpu", action="store_true", help="do not use the GPU")
    add("--devices", metavar="DEVICE,...", help="one worker for each: cpu, cuda:0, cuda:1 ...")
    add("--workers", type=_count, default=1, metavar="N", help="how many share each such device")
    add("--quick-test-for-ci", action="store_true", help="start everything, then end")
    add("--disable-metadata", action="store_true", help="write no workflow into pictures")
    add("--debug-mutations", action="store_true", help="find nodes that write into their inputs")
    add_checkpoint_flag(parser)
    add_cache_flags(parser)
    add_sampling_flags(parser)
    add_weights_flags(parser)
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    add("--verbose", nargs="?", default="INFO", const="DEBUG", choices=levels)
    parser.set_defaults(ignored=None)
    for flag, count in IGNORED.items():
        add(flag, action=_Ignore, nargs=count, dest="ignored", help=argparse.SUPPRESS)
    return parser


def _devices(given: argparse.Namespace) -> tuple[str, ...]:
    if given.cpu and given.devices:
        raise BadOptions("--cpu and --devices exclude each other.")
    if given.workers > 1 and not given.cpu and not given.devices:
        raise BadOptions("--workers says how many share a device: name it (--cpu, --devices).")
    names = [name.strip() for name in (given.devices or ("cpu" if given.cpu else "")).split(",")]
    for name in names:
        if name and not _DEVICE.fullmatch(name):
            raise BadOptions(f"--devices: '{name}' is no device; they are cpu, cuda:0, cuda:1 ...")
    return tuple(name for name in names if name for _ in range(given.workers))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to {_MAX_WORKERS}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port between 0 and 65535")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 2**20:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size in MiB")
    return value


def _folder(flag: str, path: Path | None) -> Path | None:
    if path is None:
        return None
    if not path.is_dir():
        raise BadOptions(f"{flag}: there is no folder {path}.")
    return path.resolve()


def _places(given: argparse.Namespace) -> dict[str, Path]:
    chosen = {name: getattr(given, f"{name}_directory") for name in ("input", "output", "temp")}
    chosen["user"] = given.user_directory
    return {name: path.absolute() for name, path in chosen.items() if path is not None}


def _default_base() -> Path:
    """The checkout this code is in; for an installed package the folder one works in."""
    return HOME if (HOME / "pyproject.toml").is_file() else Path.cwd()


def main_script() -> list[str]:
    """The command that runs this installation's ``main.py``."""
    return [sys.executable, str(HOME / "main.py")]


def parse(arguments: Sequence[str]) -> Options:
    """``read_options`` for a command line: what is wrong goes to stderr, and the program ends."""
    try:
        return read_options(arguments)
    except BadOptions as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
