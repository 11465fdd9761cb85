"""LCM that enlarges the latent on its way."""

from collections.abc import Iterator

from torch import Tensor

from engine.sampling.resize import resized
from engine.sampling.samplers.tools import Denoise, State, Tools, steps


def lcm_upscale(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    scale_ratio: float = 1.0,
    scale_steps: int = -1,
    upscale_method: str = "bislerp",
) -> Iterator[State]:
    """Predicts, enlarges the prediction in the first steps, and noises it again.

    The sides grow to `scale_ratio` times what they were, in `scale_steps` even parts or, where that
    is -1, over half of the run. Noise is simply added, on flow models too. What a state remembers
    are the sides at the start.
    """
    x = start.x
    sides = start.numbers or (float(x.shape[-2]), float(x.shape[-1]))
    growing = scale_steps if scale_steps >= 0 else max(len(sigmas) // 2, 1)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = D
        if i < growing:
            factor = 1 + (scale_ratio - 1) * (i + 1) / growing
            height, width = (max(1, round(side * factor)) for side in sides)
            x = resized(x, height, width, upscale_method)
        if b > 0:
            x = x + b * tools.noise(x)
        yield State(i + 1, x, (), sides)
