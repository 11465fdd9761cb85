"""Guidance and the hooks that act on it, ours and those of ComfyUI's packs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampling.contract import hooks_of
from engine.sampling.entries import Entry
from engine.sampling.facts import RunFacts
from engine.sampling.guiders import CfgGuider, DualCfgGuider, PerpNegGuider
from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.model import DiffusionModel
from engine.sampling.samplers.tools import Denoise
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, calls_of, conditioning, toy_model

X = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0)) * 3
SIGMA = torch.tensor(2.5)
OTHER = conditioning([[1.2, 1.7], [0.9, 2.1]])


def facts(*, needs_uncond: bool = False) -> RunFacts:
    zeros = torch.zeros_like(X)
    return RunFacts(zeros, X, torch.tensor([5.0, 2.5, 0.0]), needs_uncond=needs_uncond)


def guided(
    model: DiffusionModel, cfg: float = 4.0, *, needs_uncond: bool = False
) -> tuple[Tensor, Tensor]:
    guider = CfgGuider(model, POSITIVE, NEGATIVE, cfg)
    return guider.denoiser(model, facts(needs_uncond=needs_uncond))(X, SIGMA)


def asked(model: DiffusionModel) -> list[Any]:
    return [prompts for _, _, prompts in calls_of(model)]


def test_guidance_goes_from_the_negative_through_the_positive_prediction() -> None:
    C, _ = guided(toy_model("sd1"), 1.0)
    U, also = guided(toy_model("sd1"), 0.0)
    assert torch.equal(U, also)
    result, _ = guided(toy_model("sd1"), 4.0)
    assert torch.allclose(result, U + (C - U) * 4, atol=1e-5)


def test_cfg_1_leaves_the_negative_prompt_out_unless_somebody_needs_it() -> None:
    model = toy_model("sd1")
    assert not guided(model, 1.0)[1].any()
    assert asked(model) == [[0]]
    for again, needs in (
        (toy_model("sd1").with_hooks(Hooks(needs_uncond=True)), False),
        (toy_model("sd1"), True),
    ):
        assert guided(again, 1.0, needs_uncond=needs)[1].any()
        assert asked(again) == [[1, 0]]


def test_hooks_act_in_the_order_in_which_they_were_added() -> None:
    order = []

    def pre(name: str) -> Callable[[Predictions, Moment], Predictions]:
        return lambda predictions, _: order.append(name) or predictions

    def post(name: str) -> Callable[[Tensor, Predictions, Moment], Tensor]:
        return lambda r, *_: order.append(name) or r

    def cfg(C: Tensor, U: Tensor, moment: Moment) -> Tensor:
        order.append("cfg")
        return C

    model = toy_model("sd1")
    for hooks in (
        Hooks(post_cfg=(post("post 1"),)),
        Hooks(pre_cfg=(pre("pre 1"),)),
        Hooks(cfg=cfg),
        Hooks(pre_cfg=(pre("pre 2"),), post_cfg=(post("post 2"),)),
    ):
        model = model.with_hooks(hooks)
    guided(model)
    assert order == ["pre 1", "pre 2", "cfg", "post 1", "post 2"]


def test_the_last_cfg_function_is_the_one_that_acts() -> None:
    model = toy_model("sd1").with_hooks(Hooks(cfg=lambda C, U, _: C))
    model = model.with_hooks(Hooks(cfg=lambda C, U, _: U))
    result, U = guided(model)
    assert torch.equal(result, U)


def test_the_samplers_see_the_negative_prediction_as_hooks_left_it() -> None:
    model = toy_model("sd1").with_hooks(Hooks(pre_cfg=(lambda p, _: (p[0], p[1] * 0 + 3),)))
    assert torch.equal(guided(model)[1], torch.full_like(X, 3))


def dual(cfgs: tuple[float, float], style: Any, *, needs_uncond: bool = False) -> list[Any]:
    model = toy_model("sd1")
    guider = DualCfgGuider(model, POSITIVE, OTHER, NEGATIVE, *cfgs, style)
    guider.denoiser(model, facts(needs_uncond=needs_uncond))(X, SIGMA)
    return asked(model)


def test_two_prompts_are_asked_for_only_where_they_count() -> None:
    assert dual((3.0, 2.0), "regular") == [[2, 1, 0]]
    assert dual((3.0, 1.0), "regular") == [[2, 1]]
    assert dual((1.0, 1.0), "regular") == [[2]]
    assert dual((1.0, 1.0), "regular", needs_uncond=True) == [[2, 1, 0]]
    assert dual((1.0, 1.0), "nested") == [[2, 1, 0]]


def perp_neg(cfg: float, scale: float) -> tuple[Tensor, DiffusionModel]:
    model = toy_model("sd1")
    denoise: Denoise = PerpNegGuider(model, POSITIVE, NEGATIVE, OTHER, cfg, scale).denoiser(
        model, facts()
    )
    return denoise(X, SIGMA)[0], model


def test_perp_neg_without_a_negative_is_guidance_from_the_empty_prompt() -> None:
    result, model = perp_neg(4.0, 0.0)
    assert asked(model) == [[2, 0]]
    empty = toy_model("sd1")
    wanted, _ = CfgGuider(empty, POSITIVE, OTHER, 4.0).denoiser(empty, facts())(X, SIGMA)
    assert torch.allclose(result, wanted, atol=1e-5)
    assert asked(perp_neg(1.0, 0.0)[1]) == [[0]]


def test_a_prompt_without_entries_is_said() -> None:
    with pytest.raises(ValueError, match="negative conditioning has no entries"):
        CfgGuider(None, POSITIVE, [], 4.0).denoiser(toy_model("sd1"), facts())


def test_a_prompt_of_another_family_is_said() -> None:
    with pytest.raises(ValueError, match="positive conditioning is 3 wide and this model takes 2"):
        CfgGuider(None, conditioning([[1.0, 0.3, 0.0]]), NEGATIVE, 4.0).denoiser(
            toy_model("sd1"), facts()
        )


def test_what_cannot_be_sampled_yet_is_said() -> None:
    prompt = [[POSITIVE[0][0], {"gligen": ("position", None, [])}]]
    with pytest.raises(ValueError, match="gligen, which cannot be sampled yet"):
        CfgGuider(None, prompt, NEGATIVE, 4.0).denoiser(toy_model("sd1"), facts())


# The contract of packs: names of hooks, and the keys of the dicts that they are called with.
COMMON = {"input", "sigma", "model", "model_options"}
KEYS = {
    "sampler_calc_cond_batch_function": COMMON | {"conds"},
    "sampler_pre_cfg_function": COMMON | {"conds", "conds_out", "cond_scale", "timestep"},
    "sampler_cfg_function": COMMON
    | {"cond", "uncond", "cond_scale", "timestep", "cond_denoised", "uncond_denoised"}
    | {"input_cond", "input_uncond"},
    "sampler_post_cfg_function": COMMON
    | {"denoised", "cond", "uncond", "cond_scale", "uncond_denoised", "cond_denoised"},
}
LISTS = ("sampler_pre_cfg_function", "sampler_post_cfg_function")


def with_pack(name: str, function: Any, **more: Any) -> DiffusionModel:
    options = {name: [function] if name in LISTS else function, **more}
    return toy_model("sd1").with_hooks(hooks_of(options))


@pytest.mark.parametrize("name", KEYS)
def test_a_pack_s_hook_is_called_with_the_keys_it_knows(name: str) -> None:
    seen: list[dict[str, Any]] = []

    def function(args: dict[str, Any]) -> Any:
        seen.append(args)
        if name == "sampler_calc_cond_batch_function":
            return [args["input"] * 0 + 1, args["input"] * 0]
        return {
            "sampler_pre_cfg_function": lambda: args["conds_out"],
            "sampler_cfg_function": lambda: args["uncond"],
            "sampler_post_cfg_function": lambda: args["denoised"] + 1,
        }[name]()

    result, U = guided(with_pack(name, function))
    plain, _ = guided(toy_model("sd1"))
    (args,) = seen
    assert set(args) == KEYS[name]
    assert args["input"] is X
    assert torch.equal(args["sigma"], torch.tensor([2.5, 2.5]))
    assert name in args["model_options"]
    wanted = {
        "sampler_calc_cond_batch_function": torch.full_like(X, 4),
        "sampler_pre_cfg_function": plain,
        "sampler_cfg_function": U,
        "sampler_post_cfg_function": plain + 1,
    }
    assert torch.allclose(result, wanted[name], atol=1e-6)


def test_a_pack_s_old_cfg_function_takes_three() -> None:
    model = with_pack("sampler_cfg_function", lambda cond, uncond, scale: cond * 0 + scale)
    assert torch.allclose(guided(model)[0], X - 4.0)


def test_cfg_functions_are_given_noise_like_predictions() -> None:
    seen: list[dict[str, Any]] = []
    model = with_pack("sampler_cfg_function", lambda args: seen.append(args) or args["cond"])
    guided(model)
    for name in ("cond", "uncond"):
        assert torch.equal(seen[0][name], X - seen[0][f"{name}_denoised"])


def test_a_pack_can_ask_for_the_negative_prompt_at_cfg_1() -> None:
    model = with_pack("disable_cfg1_optimization", True)
    guided(model, 1.0)
    assert asked(model) == [[1, 0]]


def test_a_pack_can_wrap_the_call_of_the_model() -> None:
    seen: list[dict[str, Any]] = []

    def wrapper(apply_model: Any, args: dict[str, Any]) -> Tensor:
        seen.append(args)
        found: Tensor = apply_model(args["input"], args["timestep"], **args["c"])
        return found * 2

    result, _ = guided(with_pack("model_function_wrapper", wrapper))
    (args,) = seen
    assert set(args) == {"input", "timestep", "c", "cond_or_uncond"}
    assert args["cond_or_uncond"] == [1, 0]
    assert set(args["c"]) == {"c_crossattn", "transformer_options"}
    told = args["c"]["transformer_options"]
    assert told["cond_or_uncond"] == [1, 0]
    assert told["sample_sigmas"].tolist() == [5.0, 2.5, 0.0]
    assert torch.allclose(result, guided(toy_model("sd1"))[0] * 2, atol=1e-5)


def test_a_pack_can_change_the_noise_mask() -> None:
    seen = {}

    def function(sigma: Tensor, mask: Tensor, extra_options: dict[str, Any]) -> Tensor:
        seen.update(extra_options, sigma=sigma)
        return mask * 0

    change = hooks_of({"denoise_mask_function": function}).denoise_mask
    assert change is not None
    model, sigmas = toy_model("sd1"), torch.tensor([5.0, 0.0])
    assert not change(torch.ones_like(X), SIGMA, sigmas, model.sampling).any()
    assert seen["sigmas"] is sigmas
    assert seen["model"] is model.sampling
    assert seen["sigma"].tolist() == [2.5, 2.5]


def test_entries_keep_the_options_that_packs_put_on_prompts() -> None:
    seen: list[Any] = []
    prompt = [[POSITIVE[0][0], {"my_pack": 7}]]
    model = with_pack(
        "sampler_post_cfg_function", lambda args: seen.append(args) or args["denoised"]
    )
    CfgGuider(model, prompt, NEGATIVE, 4.0).denoiser(model, facts())(X, SIGMA)
    (entry,) = seen[0]["cond"]
    assert isinstance(entry, Entry)
    assert entry.options["my_pack"] == 7
