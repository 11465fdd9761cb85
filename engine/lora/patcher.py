"""Applies LoRA files to the parameters of a network: what ``engine.weights.patching`` asks for."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor

from engine.lora.match import match_part
from engine.lora.steps import apply_steps, read_step
from engine.weights.configs import Config
from engine.weights.handles import LoraPatch, WeightsFile
from engine.weights.part import Part
from engine.weights.patching import Add
from engine.weights.tensors import TensorFile


class LoraPatcher:
    """The patcher of a ``Residency``. Holds no state; factors are read when they are applied."""

    def touched(self, file: WeightsFile, part: Part[Config]) -> frozenset[str]:
        """Live names of the parameters of ``part`` that ``file`` changes.

        Raises:
            WeightsError: the file is unusable. That nothing matches is not an error here; the
                node that loads the file has said so, see ``report.py``.
        """
        return frozenset(match_part(file, part).fits)

    @contextmanager
    def opened(self, files: Iterable[WeightsFile], part: Part[Config]) -> Iterator[Add]:
        """Open ``files`` for adding to parameters of ``part``.

        Raises:
            WeightsError: a file has gone or changed.
            LoraError: from the function given out, when numbers of a file make no sense.
        """
        with ExitStack() as stack:
            tensors = {file: stack.enter_context(TensorFile(file)) for file in files}
            fits = {file: match_part(file, part).fits for file in tensors}

            def add(parameter: str, entries: tuple[LoraPatch, ...], weight: Tensor) -> None:
                steps = [
                    read_step(
                        tensors[entry.file],
                        fits[entry.file][parameter],
                        entry.strength,
                        weight.device,
                    )
                    for entry in entries
                ]
                apply_steps(weight, steps)

            yield add
