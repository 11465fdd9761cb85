"""What the ledger's measure sees."""

import pytest
import torch

from engine.weights.meter import _CLEAR, DeviceMeter


@pytest.mark.skipif(not _CLEAR.exists(), reason="the system keeps no high-water mark to reset")
def test_the_peak_is_of_the_time_since_the_beginning() -> None:
    meter = DeviceMeter(torch.device("cpu"))
    meter.begin()
    big = torch.ones(64 << 20, dtype=torch.uint8)
    del big
    high = meter.peak()
    meter.begin()
    low = meter.peak()
    assert high is not None
    assert low is not None
    assert high - low > 32 << 20
