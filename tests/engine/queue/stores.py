"""Jobs and results for tests of the store."""

from dataclasses import replace
from typing import Any

from engine.queue.body import Body
from engine.queue.job import Claim, Ended, Submission
from engine.queue.results import Result
from engine.queue.store import Store

PROMPT = {"1": {"class_type": "Toy", "inputs": {"text": "ä\u2028"}}}
BODY = Body.of(PROMPT)
DONE = Result.of("success", {"1": {"text": ["x"]}}, {"1": {}}, [["execution_success", {}]])
DIED = Result.of("error", {}, {}, [["execution_error", {"exception_message": "it died"}]])


def job(job_id: str, **more: Any) -> Submission:
    return replace(Submission(job_id, BODY, ("1",), {"a": 1}, "client"), **more)


async def accepted(store: Store, *ids: str, **more: Any) -> list[float]:
    return [await store.accept(job(i, **more), created_ms=1) for i in ids]


async def claimed(store: Store, worker: str = "w", **more: Any) -> Claim:
    claim = await store.claim(worker, **more)
    assert claim is not None
    return claim


async def finished(store: Store, job_id: str, result: Result = DONE, **more: Any) -> Ended:
    """A job from its acceptance to its end; nothing else may be waiting."""
    await accepted(store, job_id, **more)
    ended = await store.finish(await claimed(store), result)
    assert ended is not None
    return ended


async def claims_of_all(store: Store) -> list[str]:
    """The ids of all that waits, in the order in which they are handed out."""
    found = []
    while (claim := await store.claim("w")) is not None:
        found.append(claim.id)
    return found
