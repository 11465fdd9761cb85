"""Which node classes usually end at once.

To hand a call to another thread and back takes longer than such a node: it is called where it is
met. A node that surprises runs there all the same, only its class is not called so again for some
time.
"""

# Seconds, in the mean of the last runs; and the share of the newest run in that mean.
_AT_ONCE = 0.0003
_SHARE = 0.1


class Brief:
    """The usual seconds of each class that ran here. Jobs may share it: a mean that misses a run
    does no harm.
    """

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def __contains__(self, class_type: object) -> bool:
        return self._means.get(str(class_type), 1.0) < _AT_ONCE

    def note(self, class_type: str, seconds: float) -> None:
        """A node of the class took so long."""
        mean = self._means.get(class_type, seconds)
        self._means[class_type] = mean + _SHARE * (seconds - mean)
