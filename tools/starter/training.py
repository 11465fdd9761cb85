"""What every training loop here shares: a fast CPU, a learning-rate curve, averaged weights, exact
resume.

Not here: losses and models (vae.py, denoiser.py, adapters.py).
"""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.weights.tuning import tune_process


def prepare_cpu(threads: int = 2) -> None:
    """Set torch up as the engine does for a CPU, on so many threads."""
    torch.set_num_threads(threads)
    tune_process()


def learning_rate(step: int, steps: int, peak: float, warm_up: int) -> float:
    """Linear warm-up to `peak`, then half a cosine down to 2 % of it at the last step."""
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


class Average:
    """Exponential moving average of a module's parameters (EMA), kept in float32."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's values; early steps use a shorter memory."""
        decay = min(self.decay, (1 + step) / (10 + step))
        live = dict(module.named_parameters())
        names = list(self.values)
        torch._foreach_lerp_([self.values[n] for n in names], [live[n] for n in names], 1 - decay)


def save_checkpoint(path: Path, **state: Any) -> None:
    """Write the state of a training run so that a crash never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save({**state, "torch_rng": torch.get_rng_state()}, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The saved state, random generator restored; None when there is no checkpoint yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    torch.set_rng_state(state["torch_rng"])
    return state
