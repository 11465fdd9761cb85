"""``GET /metrics``: what the queue and its workers do, for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aiohttp import web

from engine.queue.ledgers import ClassTotal, Totals
from engine.queue.station import Station
from web.server.exposition import CONTENT_TYPE, Family, Samples, single, written
from web.server.keys import DISPATCHER, HUB, STORE


async def metrics(request: web.Request) -> web.Response:
    """``GET /metrics`` in the text format, version 0.0.4."""
    store, stations = request.app[STORE], request.app[DISPATCHER].stations
    families = [
        *_of_queue(await store.totals(), paused=store.paused),
        *_of_workers(stations),
        single(
            "patchbay_websocket_clients",
            "gauge",
            "Clients that are connected by websocket.",
            len(request.app[HUB]),
        ),
        Family(
            "patchbay_process_resident_memory_bytes",
            "gauge",
            "Resident memory of the server and of each worker process.",
            _memory(stations),
        ),
    ]
    return web.Response(body=written(families).encode(), headers={"Content-Type": CONTENT_TYPE})


def _of_queue(totals: Totals, *, paused: bool) -> Iterator[Family]:
    waiting = totals.waiting
    yield Family("patchbay_jobs", "gauge", "Jobs in the queue, by state.", _by("state", waiting))
    yield single(
        "patchbay_queue_length", "gauge", "Jobs pending or running.", sum(waiting.values())
    )
    yield single("patchbay_queue_paused", "gauge", "1 while the queue is paused.", int(paused))
    yield Family(
        "patchbay_jobs_ended_total",
        "counter",
        "Jobs that have ended since the database began, by state.",
        _by("state", totals.ended),
    )
    yield _of_classes("runs", "Runs of nodes, by class.", [(c, c.runs) for c in totals.classes])
    yield _of_classes(
        "seconds", "Seconds that nodes ran, by class.", [(c, c.seconds) for c in totals.classes]
    )
    yield _of_classes(
        "bytes", "Bytes of results of nodes, by class.", [(c, c.bytes) for c in totals.classes]
    )
    yield Family(
        "patchbay_node_peak_bytes",
        "gauge",
        "The most memory in use while a node of the class ran, where it was measured.",
        [({"class_type": c.class_type}, c.peak_bytes) for c in totals.classes if c.peak_bytes],
    )
    yield single(
        "patchbay_cache_hits_total",
        "counter",
        "Results of nodes that were taken from the cache.",
        totals.cached,
    )
    yield single(
        "patchbay_cache_misses_total",
        "counter",
        "Results of nodes that had to be computed.",
        sum(c.runs for c in totals.classes),
    )


def _of_classes(what: str, help_: str, values: Iterable[tuple[ClassTotal, float]]) -> Family:
    samples = [({"class_type": total.class_type}, value) for total, value in values]
    return Family(f"patchbay_node_{what}_total", "counter", help_, samples)


def _of_workers(stations: Sequence[Station]) -> Iterator[Family]:
    yield Family(
        "patchbay_worker_up",
        "gauge",
        "1 while the worker runs and is ready.",
        [({"worker": one.name}, int(one.is_up)) for one in stations],
    )
    yield Family(
        "patchbay_worker_restarts_total",
        "counter",
        "Worker processes started to replace another, since the server began.",
        [({"worker": one.name}, one.restarts) for one in stations],
    )
    yield Family(
        "patchbay_cache_bytes",
        "gauge",
        "Memory that the results in a worker's cache hold.",
        [
            ({"worker": one.name}, one.device["cache_bytes"])
            for one in stations
            if "cache_bytes" in one.device
        ],
    )


def _memory(stations: Sequence[Station]) -> Samples:
    import psutil  # noqa: PLC0415 - the server starts without it

    processes = {"server": None, **{one.name: one.pid for one in stations if one.pid is not None}}
    for name, pid in processes.items():
        try:
            yield {"process": name}, psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue  # a worker that has just ended


def _by(label: str, counts: Mapping[str, int]) -> Samples:
    return [({label: name}, count) for name, count in counts.items()]
