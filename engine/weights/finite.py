"""Whether all numbers of a tensor are finite, without another tensor of its size."""

from torch import Tensor


def all_finite(tensor: Tensor) -> bool:
    """False when there is a NaN or an infinity; true of an empty tensor."""
    if not tensor.numel():
        return True
    low, high = tensor.aminmax()
    return bool((low.isfinite() & high.isfinite()).item())
