"""Settings at the end of their range give a picture or a sentence, never NaN."""

import pytest
import torch

from engine.sampling.curves import karras
from engine.sampling.guiders import perp_neg


def test_a_positive_prompt_that_is_the_empty_one_is_no_division_by_nothing() -> None:
    E, N = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    assert torch.allclose(perp_neg(E, N, E, 5.0, 1.0), E - 5.0 * (N - E))


def test_a_curve_that_leads_beyond_all_numbers_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="noise levels without end"):
        karras(5, 0.03, 5000.0, rho=0.01)
