"""A run's state as bytes and back: a run that was cut off goes on to the very same latent.

A state is `MARK`, a digest of what follows, and a safetensors file of the latent, the sampler's
history and numbers, and of all that moved on beside it (`Moving`). Its header names the run it
belongs to. It is data, never a pickle.
How often states are kept, and where, is the engine's business, as is telling models and prompts
apart: a state is looked for under the key of everything that its node depends on.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from engine.sampling.noise import StepNoise
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.tools import State

# The number is raised when the bytes, or what a sampler means by its history, change.
MARK = b"patchbay sampling state 2\n"
_DIGEST_SIZE = 32
# What tells one run from another, as far as a run knows itself.
RunName = Mapping[str, str]
# Everything that reading a well-formed file with other contents than ours can raise.
_FOREIGN = (SafetensorError, KeyError, ValueError, TypeError, RuntimeError)


class StateRefused(Exception):
    """Bytes that are no state of this run. The text says what it does instead."""


def _ignore(_: object) -> None:
    """What `NEVER` does with states and notes."""


@dataclass(frozen=True, slots=True)
class Resume:
    """How a run goes on from where an earlier attempt was cut off.

    `kept` is what that attempt kept. `keep` is called after every step but the last with a function
    that makes the bytes of the state; it calls that function at once or never. `note` is told in a
    sentence why `kept` could not be used.
    """

    kept: bytes | None = None
    keep: Callable[[Callable[[], bytes]], None] = _ignore
    note: Callable[[str], None] = _ignore


NEVER = Resume()


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """What changes during a run outside of the sampler's state, and the rest of it depends on.

    Attributes:
        noise: what the sampler draws from.
        draws: a CPU generator for dice that are thrown inside the model.
        memory: what options of the model keep from one evaluation to the next.
    """

    noise: StepNoise
    draws: torch.Generator
    memory: dict[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """Where all of it stands now, as `restore` takes it."""
        kept = {f"memory.{name}": tensor for name, tensor in self.memory.items()}
        return {"noise": self.noise.state(), "draws": self.draws.get_state(), **kept}

    def restore(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        """Take what is `Moving`'s out of `tensors` and go on from there.

        Raises TypeError or RuntimeError, and changes nothing, when it is none.
        """
        before = self.draws.get_state()
        self.draws.set_state(tensors.pop("draws"))
        try:
            self.noise.restore(tensors.pop("noise"))
        except BaseException:
            self.draws.set_state(before)
            raise
        names = [name for name in tensors if name.startswith("memory.")]
        self.memory.clear()
        for name in names:
            self.memory[name.removeprefix("memory.")] = tensors.pop(name).to(device)


def name_run(sampler: str, x: Tensor, sigmas: Tensor, seed: int, profile: NoiseProfile) -> RunName:
    """The name of the run from noisy latent `x` float32 [B, C, h, w] over `sigmas` [n + 1]."""
    digest = blake2b(digest_size=16)
    for tensor in (x, sigmas):
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    # Another device or release of torch rounds otherwise: half of each would be neither's picture.
    return {
        "sampler": sampler,
        "start": digest.hexdigest(),
        "seed": str(seed),
        "noise profile": profile.value,
        "device": x.device.type,
        "torch": torch.__version__,
    }


def begin(
    resume: Resume,
    first: State,
    steps: int | None,
    moving: Moving,
    run: RunName,
    *,
    resizes: bool = False,
) -> State:
    """Where to start: the kept state, with `moving` set to where it stood, or else `first`.

    `steps` is how many the run makes, None when nobody knows; `resizes` says that its latent does
    not keep the size of `first.x`.
    """
    if resume.kept is None:
        return first
    try:
        return read_state(resume.kept, first.x, steps, moving, run, resizes=resizes)
    except StateRefused as error:
        resume.note(f"What was kept of the interrupted sampling {error}; it starts anew.")
        return first


def write_state(state: State, moving: Moving, run: RunName) -> bytes:
    """`state` and where `moving` stands now, as `read_state` takes them."""
    numbers = torch.tensor(state.numbers, dtype=torch.float64)
    tensors = {"x": state.x, "numbers": numbers, **moving.tensors()}
    tensors |= {f"history.{n}": tensor for n, tensor in enumerate(state.history)}
    # Copies, because safetensors refuses tensors that share memory.
    copies = {n: t.clone(memory_format=torch.contiguous_format).cpu() for n, t in tensors.items()}
    body: bytes = save(copies, {"step": str(state.step), **run})
    return MARK + _digest(body) + body


def read_state(
    data: bytes,
    like: Tensor,
    steps: int | None,
    moving: Moving,
    run: RunName,
    *,
    resizes: bool = False,
) -> State:
    """The state in `data` on the device of `like`; sets `moving` to where it stood.

    Its tensors are shaped like `like`, but for height and width when the run `resizes`. Raises
    StateRefused, and leaves `moving` alone, when `data` is damaged, of another run or no state of
    one with `steps` steps.
    """
    body = _checked(data)
    try:
        # Clones, because what is loaded is not aligned as torch aligns its own memory.
        tensors = {name: tensor.clone() for name, tensor in load(body).items()}
        found = _metadata(body)
        _check_run(found, run)
        x = tensors["x"]
        own = {name: tensors.pop(name) for name in list(tensors) if _is_state(name)}
        state = _state(int(found["step"]), own, x if resizes else like, like.device)
        if x.shape[:2] != like.shape[:2] or not _within(state.step, steps):
            raise ValueError(state.step)
        moving.restore(tensors, like.device)
    except _FOREIGN as error:
        raise StateRefused("does not hold what a state holds") from error
    return state


def _is_state(name: str) -> bool:
    """Whether a tensor is the sampler's, and not `Moving`'s."""
    return name in {"x", "numbers"} or name.startswith("history.")


def _within(step: int, steps: int | None) -> bool:
    return step > 0 and (steps is None or step < steps)


def _checked(data: bytes) -> bytes:
    if not data.startswith(MARK):
        raise StateRefused("was kept by another version, or is none")
    start = len(MARK) + _DIGEST_SIZE
    digest, body = data[len(MARK) : start], data[start:]
    if digest != _digest(body):
        raise StateRefused("is damaged")
    return body


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_SIZE).digest()


def _check_run(found: Mapping[str, str], run: RunName) -> None:
    other = [name for name, text in run.items() if found.get(name) != text]
    if other:
        raise StateRefused(f"belongs to another run (other {', '.join(other)})")


def _state(step: int, tensors: dict[str, Tensor], like: Tensor, device: torch.device) -> State:
    numbers = tensors.pop("numbers")
    if numbers.dtype != torch.float64 or numbers.ndim != 1:
        raise ValueError("numbers")
    for name, tensor in tensors.items():
        if tensor.shape != like.shape or tensor.dtype != torch.float32:
            raise ValueError(name)
    history = tuple(tensors[f"history.{n}"].to(device) for n in range(len(tensors) - 1))
    return State(step, tensors["x"].to(device), history, tuple(numbers.tolist()))


def _metadata(body: bytes) -> Mapping[str, str]:
    """The texts in a safetensors header, which the library reads from files only."""
    length = int.from_bytes(body[:8], "little")
    found: Mapping[str, str] = json.loads(body[8 : 8 + length])["__metadata__"]
    return found
