"""Which of the jobs that are next a worker takes: one whose weights it has already.

Pure: what the workers have in memory is given. With one worker there is nothing to choose, and jobs
start in their order.
"""

from collections.abc import Collection, Sequence

from engine.queue.job import Candidate

# A job that has waited this long takes any worker that is free.
PATIENCE_MS = 20_000
_WARM_ELSEWHERE = 0.5


def cost(candidate: Candidate, mine: Collection[str], others: Sequence[Collection[str]]) -> float:
    """What a job costs a worker that is free, in loads of weights; the smallest is taken.

    Of two jobs that cost the same, the one that another worker has the weights for is left to it.

    Args:
        mine: paths of the weights in the worker's memory.
        others: the same of each other worker that is up, busy or not.
    """
    if candidate.waited_ms > PATIENCE_MS:
        return 0.0
    loads = loads_missing(candidate.files, mine)
    elsewhere = min((loads_missing(candidate.files, warm) for warm in others), default=loads)
    return loads + (_WARM_ELSEWHERE if elsewhere < loads else 0.0)


def loads_missing(files: Collection[str], warm: Collection[str]) -> int:
    """How many weights ``files``, named as in prompts, are not among the paths ``warm``."""
    return sum(not any(f"/{path}".endswith(f"/{name}") for path in warm) for name in set(files))
