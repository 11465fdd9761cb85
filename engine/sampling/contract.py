"""ComfyUI's `model_options` as hooks: how its packs change guidance, by functions of dicts.

The names and the keys of the dicts are the contract of those packs. Our own options are hooks
themselves and do not come through here.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.sampling.hooks import Groups, Hooks, Moment, Predictions
from engine.sampling.inputs import Inputs
from engine.sampling.model import Predict
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.pack_patches import pack_patches

Options = Mapping[str, Any]
Function = Callable[..., Any]


def hooks_of(options: Options) -> Hooks:
    """The hooks that a pack has set in `model_options`.

    Their functions see these options again as `model_options`; `model` is the `DiffusionModel`.
    """
    evaluate = options.get("sampler_calc_cond_batch_function")
    cfg = options.get("sampler_cfg_function")
    wrapper = options.get("model_function_wrapper")
    mask = options.get("denoise_mask_function")
    return Hooks(
        evaluate=evaluate and _evaluate(evaluate, options),
        pre_cfg=tuple(_pre_cfg(f, options) for f in options.get("sampler_pre_cfg_function", ())),
        cfg=cfg and _cfg(cfg, options),
        post_cfg=tuple(_post_cfg(f, options) for f in options.get("sampler_post_cfg_function", ())),
        wrap=wrapper and _wrap(wrapper),
        denoise_mask=mask and _denoise_mask(mask),
        needs_uncond=bool(options.get("disable_cfg1_optimization", False)),
        patches=pack_patches(options.get("transformer_options", {})),
    )


def _evaluate(function: Function, options: Options) -> Callable[[Groups, Moment], Predictions]:
    def evaluate(groups: Groups, moment: Moment) -> Predictions:
        return tuple(
            function(
                {
                    "conds": list(groups),
                    "input": moment.x,
                    "sigma": moment.sigma,
                    "model": moment.model,
                    "model_options": options,
                }
            )
        )

    return evaluate


def _pre_cfg(function: Function, options: Options) -> Callable[[Predictions, Moment], Predictions]:
    def pre_cfg(predictions: Predictions, moment: Moment) -> Predictions:
        return tuple(
            function(
                {
                    "conds": list(moment.groups),
                    "conds_out": list(predictions),
                    "cond_scale": moment.cfg,
                    "timestep": moment.sigma,
                    "input": moment.x,
                    "sigma": moment.sigma,
                    "model": moment.model,
                    "model_options": options,
                }
            )
        )

    return pre_cfg


def _cfg(function: Function, options: Options) -> Callable[[Tensor, Tensor, Moment], Tensor]:
    old = _takes_three(function)

    def cfg(C: Tensor, U: Tensor, moment: Moment) -> Tensor:
        x = moment.x
        if old:
            return x - torch.as_tensor(function(x - C, x - U, moment.cfg))
        args = {
            "cond": x - C,
            "uncond": x - U,
            "cond_scale": moment.cfg,
            "timestep": moment.sigma,
            "input": x,
            "sigma": moment.sigma,
            "cond_denoised": C,
            "uncond_denoised": U,
            "model": moment.model,
            "model_options": options,
            "input_cond": moment.groups[0],
            "input_uncond": moment.groups[1],
        }
        return x - torch.as_tensor(function(args))

    return cfg


def _takes_three(function: Function) -> bool:
    """Whether it is one of the old kind: (cond, uncond, scale)."""
    try:
        return len(inspect.signature(function).parameters) == 3
    except (TypeError, ValueError):
        return False  # a builtin, which does not tell


def _post_cfg(
    function: Function, options: Options
) -> Callable[[Tensor, Predictions, Moment], Tensor]:
    def post_cfg(guided: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
        found: Tensor = function(
            {
                "denoised": guided,
                "cond": moment.groups[0],
                "uncond": moment.groups[1],
                "cond_scale": moment.cfg,
                "model": moment.model,
                "uncond_denoised": predictions[1],
                "cond_denoised": predictions[0],
                "sigma": moment.sigma,
                "model_options": options,
                "input": moment.x,
            }
        )
        return found

    return post_cfg


def _wrap(function: Function) -> Callable[[Predict, Tensor, Tensor, Tensor, Inputs], Tensor]:
    def wrap(predict: Predict, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs) -> Tensor:
        def apply_model(x: Tensor, t: Tensor, **c: Any) -> Tensor:
            return predict(x, t, c["c_crossattn"], _inputs(c, inputs))

        asked: Sequence[int] = () if inputs.call is None else inputs.call.cond_or_uncond
        args = {
            "input": x,
            "timestep": sigma,
            "c": _parts(context, inputs),
            "cond_or_uncond": list(asked),
        }
        found: Tensor = function(apply_model, args)
        return found

    return wrap


def _parts(context: Tensor, inputs: Inputs) -> dict[str, Any]:
    """What one call is given, by the names that packs know; what is not there is left out."""
    call = inputs.call
    parts = {
        "c_crossattn": context,
        "y": inputs.y,
        "c_concat": inputs.concat,
        "control": inputs.control,
        "transformer_options": {}
        if call is None
        else {
            "cond_or_uncond": list(call.cond_or_uncond),
            "sigmas": call.sigmas,
            "sample_sigmas": call.sample_sigmas,
        },
    }
    return {name: value for name, value in parts.items() if value is not None}


def _inputs(c: Mapping[str, Any], inputs: Inputs) -> Inputs:
    """`inputs` with what a pack has changed in the parts it was given."""
    return Inputs(
        y=c.get("y"),
        concat=c.get("c_concat"),
        control=c.get("control"),
        patches=inputs.patches,
        call=inputs.call,
    )


def _denoise_mask(
    function: Function,
) -> Callable[[Tensor, Tensor, Tensor, ModelSampling], Tensor]:
    def denoise_mask(
        mask: Tensor, sigma: Tensor, sigmas: Tensor, sampling: ModelSampling
    ) -> Tensor:
        level = sigma.to(mask).expand(mask.shape[0])
        found: Tensor = function(level, mask, extra_options={"model": sampling, "sigmas": sigmas})
        return found

    return denoise_mask
