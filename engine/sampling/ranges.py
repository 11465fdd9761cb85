"""When something acts: shares of a run as the noise levels that evaluations are compared with."""

import torch

from engine.sampling.levels import Levels


def sigma_at(percent: float, levels: Levels) -> float:
    """The noise level after `percent` (0..1) of a run, rounded as the sigmas of a run are."""
    return float(torch.tensor(levels.percent_to_sigma(float(percent)), dtype=torch.float32))
