"""A server from its start to its end: the application, its routes, the process around it."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence

from aiohttp import web

from engine.queue.catalogue_file import CatalogueFile, fingerprint
from engine.queue.dispatcher import Dispatcher
from engine.queue.pool import WorkerTrouble
from engine.queue.schema import StoreError
from engine.queue.store import Store
from web.server import page
from web.server.guard import guard
from web.server.hub import Hub
from web.server.keys import DISPATCHER, FEATURES, FOLDERS, HUB, OPTIONS, RECALL, STORE
from web.server.node_info import NODE_INFO, NodeInfo
from web.server.options import HOME, Options, main_script
from web.server.recall import Recall
from web.server.routes import add_routes
from web.server.system import features

_log = logging.getLogger(__name__)
_DATABASE = "patchbay.sqlite"
_CATALOGUE = "catalogue.json"
_MAX_LINE = 16384


def serve(options: Options) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit code of the process."""
    logging.basicConfig(level=options.verbose, format="%(levelname)s %(message)s")
    # What strangers send that is no HTTP is no fault of ours; it is in the log when debugging.
    if options.verbose != "DEBUG":
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    if options.ignored:
        _log.warning("Accepted, without effect here: %s", ", ".join(options.ignored))
    try:
        return asyncio.run(_serve(options))
    except KeyboardInterrupt:
        return 0  # where Ctrl-C is no signal of the loop, or came before the loop listened to it
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def make_app(
    options: Options, store: Store, worker_command: Callable[[str], Sequence[str]]
) -> web.Application:
    """The application; its dispatcher starts and stops with it.

    ``worker_command`` gives the command that starts a worker for a device.
    """
    folders = options.folders()
    sources = [HOME / "nodes", HOME / "engine" / "graph", folders.custom_nodes]

    def catalogue_file() -> CatalogueFile:
        return CatalogueFile(folders.user / _CATALOGUE, fingerprint(sources))

    app = web.Application(
        middlewares=[guard(options)],
        client_max_size=options.max_upload_size,
        handler_args={"max_line_size": _MAX_LINE, "max_field_size": _MAX_LINE},
    )
    hub = Hub(lambda: store.paused)
    app[OPTIONS], app[FOLDERS], app[STORE], app[HUB] = options, folders, store, hub
    app[DISPATCHER] = Dispatcher(store, worker_command, hub, catalogue_file, options.devices)
    app[RECALL] = Recall()
    app[FEATURES] = features(options.max_upload_size)
    app[NODE_INFO] = NodeInfo(folders)
    add_routes(app)
    app.cleanup_ctx.append(_dispatching)
    app.on_shutdown.append(_close_sockets)
    return app


async def _dispatching(app: web.Application) -> AsyncIterator[None]:
    await app[DISPATCHER].start()
    yield
    await app[DISPATCHER].stop()


async def _close_sockets(app: web.Application) -> None:
    app[HUB].close()


async def _serve(options: Options) -> int:
    stop = _told_to_stop()
    listening = _listen(options)
    folders = options.folders()
    for place in (folders.input, folders.output, folders.temp, folders.user):
        place.mkdir(parents=True, exist_ok=True)
    store = Store(folders.user / _DATABASE)

    def command(device: str) -> list[str]:
        return [*main_script(), "worker", *options.worker_arguments(device)]

    app = make_app(options, store, command)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    try:
        await runner.setup()
        for one in listening:
            await web.SockSite(runner, one).start()
        gc.freeze()  # what is there now stays; the collector need not walk it between answers
        _announce(options, listening[0].getsockname()[1])
        if options.quick_test:
            return await _quick_test(app)
        await stop.wait()
    finally:
        await runner.cleanup()
        store.close()
    return 0


async def _quick_test(app: web.Application) -> int:
    try:
        await app[DISPATCHER].ready()
    except WorkerTrouble as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 1
    return 0


def _told_to_stop() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where loops have no signal handlers (Windows), Ctrl-C cancels the main task instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


def _listen(options: Options) -> list[socket.socket]:
    """Sockets for all addresses, at one port.

    Raises:
        OSError: the port is taken, or an address is not this machine's.
    """
    addresses = list(options.listen)
    if addresses == ["127.0.0.1"]:
        addresses.append("::1")  # browsers may take `localhost` for it
    found: list[socket.socket] = []
    port = options.port
    for address in addresses:
        try:
            found.append(_bind(address, port))
        except OSError as error:
            if found and address in ("::", "::1"):
                continue  # a machine without IPv6 does without
            for one in found:
                one.close()
            raise OSError(
                f"Cannot listen on {address} port {port}: {error.strerror}. "
                "Stop the program that uses it, or choose another --port."
            ) from error
        port = found[0].getsockname()[1]
    return found


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(128)
    except OSError:
        one.close()
        raise
    return one


def _announce(options: Options, port: int) -> None:
    """The line that launchers wait for, and what an operator must know."""
    if not options.is_loopback and options.token is None:
        _log.warning("Everybody who can connect may use this server (--insecure-no-auth).")
    if not page.is_built(options):
        _log.warning("The canvas is not built; only the network API answers.")
    address = options.listen[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address, address)  # noqa: S104
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    query = f"/?token={options.token}" if options.token_generated else ""
    print(f"To see the GUI go to: http://{host}:{port}{query}", flush=True)
