"""The large graphs that were accepted last, as the objects that were checked.

By their nodes it is known what is new in them since the last one (``graphs.py``). What is not here
any more is read from the disk, where every prompt is, and sent as a whole.
"""

from engine.graph.graph import Graph

_GRAPHS = 32


class Fresh:
    """Graphs by the row numbers of their jobs. Safe to use from several threads: each step is one
    operation on a dictionary.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Graph] = {}

    def keep(self, seq: int, graph: Graph | None) -> None:
        """Note the graph of a job that is in the queue now, if there is room."""
        if graph is not None and len(self._kept) < _GRAPHS:
            self._kept[seq] = graph

    def take(self, seq: int) -> Graph | None:
        """The graph of a job that leaves the queue, which is then kept no longer."""
        return self._kept.pop(seq, None)
