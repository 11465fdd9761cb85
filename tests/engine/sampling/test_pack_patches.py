"""Functions of ComfyUI's packs inside a UNet: their places, arguments, and what they are told."""

from typing import Any

import torch
from torch import Tensor

from engine.sampling.pack_patches import pack_patches
from engine.weights.sites import Call, Site

CALL = Call(torch.tensor([3.0, 3.0]), torch.tensor([3.0, 0.0]), (1, 0))
SITE = Site(CALL, "middle", 0, (8, 8), (4, 4), 32, index=1, transformer=5, heads=2)
Q, K, V = (torch.full((2, 16, 8), value) for value in (1.0, 2.0, 3.0))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return q + k + v


def test_all_that_goes_in_is_changed_before_all_that_comes_out() -> None:
    told: list[dict[str, Any]] = []

    def before(q: Tensor, k: Tensor, v: Tensor, extra: dict[str, Any]) -> tuple[Tensor, ...]:
        told.append(extra)
        return q * 10, k, v

    patches = pack_patches(
        {
            "patches": {
                "attn1_patch": [before, before],
                "attn1_output_patch": [lambda n, extra: n + 1],
            }
        }
    )
    (around,) = patches.self_attention
    assert torch.equal(around(attend, Q, K, V, SITE), Q * 100 + K + V + 1)
    assert set(told[0]) == {
        "n_heads",
        "dim_head",
        "attn_precision",
        "block",
        "block_index",
        "transformer_index",
        "original_shape",
        "activations_shape",
        "cond_or_uncond",
        "sigmas",
        "sample_sigmas",
    }
    assert told[0]["block"] == ("middle", 0)
    assert (told[0]["n_heads"], told[0]["dim_head"]) == (2, 4)
    assert (told[0]["block_index"], told[0]["transformer_index"]) == (1, 5)
    assert tuple(told[0]["original_shape"]) == (2, 4, 8, 8)
    assert told[0]["cond_or_uncond"] == [1, 0]
    assert not patches.cross_attention


def test_a_replacement_acts_on_its_block_or_its_layer_alone() -> None:
    def mine(q: Tensor, k: Tensor, v: Tensor, extra: dict[str, Any]) -> Tensor:
        return v

    for key, replaces in (
        (("middle", 0), True),
        (("middle", 0, 1), True),
        (("middle", 0, 0), False),
        (("input", 0), False),
    ):
        patches = pack_patches({"patches_replace": {"attn2": {key: mine}}})
        (around,) = patches.cross_heads
        assert torch.equal(around(attend, Q, K, V, SITE), V if replaces else Q + K + V)


def test_block_functions_are_given_what_flows_through() -> None:
    patches = pack_patches(
        {
            "patches": {
                "input_block_patch": [lambda h, options: h + 1],
                "input_block_patch_after_skip": [lambda h, options: h + 2],
                "output_block_patch": [lambda h, skip, options: (h + 3, skip + 4)],
            }
        }
    )
    h = torch.zeros(2, 32, 4, 4)
    assert float(patches.input_blocks[0](h, SITE).mean()) == 1
    assert float(patches.input_blocks_after_skip[0](h, SITE).mean()) == 2
    assert [float(one.mean()) for one in patches.output_blocks[0](h, h, SITE)] == [3, 4]


def test_nothing_set_is_no_patch() -> None:
    assert not pack_patches({})
