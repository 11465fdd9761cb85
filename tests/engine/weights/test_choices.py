"""What networks get of a device, by what the command line asks for."""

import argparse
from typing import Any

import pytest
import torch

from engine.weights.choices import Choices
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.tuning import has_bf16_units
from engine.weights.wishes import Wishes, add_weights_flags, wishes
from tests.engine.weights.tiny import TEXT, UNET, VAE
from tools.full_size import SD15_TEXT, SD15_UNET, SD15_VAE

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16


def read(*flags: str) -> Wishes:
    parser = argparse.ArgumentParser()
    add_weights_flags(parser)
    return wishes(parser.parse_args(flags))


def computes(config: Config, *flags: str, device: torch.device = CPU) -> tuple[Any, Any]:
    """What a network computes in, and what its weights are kept in."""
    choice = Choices(device, read(*flags)).of(config)
    return choice.dtype, choice.stored


def test_networks_of_the_usual_size_use_what_the_cpu_has_for_bfloat16() -> None:
    quick = BF16 if has_bf16_units() else F32
    for config in (SD15_UNET, SD15_VAE):
        assert computes(config) == (quick, quick)
        assert computes(config, "--force-fp32") == (F32, F32)
    assert computes(SD15_TEXT) == (F32, F32)


def test_a_cpu_computes_small_networks_in_float32() -> None:
    for config in (UNET, VAE, TEXT):
        choice = Choices().of(config)
        assert (choice.device, choice.home, choice.dtype, choice.stored) == (CPU, CPU, F32, F32)
        assert not choice.streams
        assert choice.memory_format == torch.channels_last


ASKED = [
    (UNET, ("--force-fp16",), (F16, F16)),
    (VAE, ("--force-fp16",), (F16, F16)),
    (TEXT, ("--force-fp16",), (F32, F16)),
    (UNET, ("--bf16-unet",), (BF16, BF16)),
    (UNET, ("--fp64-unet",), (torch.float64, torch.float64)),
    (UNET, ("--force-fp16", "--fp32-unet"), (F32, F32)),
    (VAE, ("--force-fp16", "--fp32-vae"), (F32, F32)),
    (VAE, ("--bf16-vae",), (BF16, BF16)),
    (UNET, ("--bf16-vae",), (F32, F32)),
    (UNET, ("--fp8_e4m3fn-unet",), (F32, torch.float8_e4m3fn)),
    (UNET, ("--fp8_e5m2-unet", "--force-fp16"), (F16, torch.float8_e5m2)),
    (TEXT, ("--fp8_e5m2-text-enc",), (F32, torch.float8_e5m2)),
    (TEXT, ("--bf16-text-enc", "--force-fp32"), (F32, BF16)),
]


@pytest.mark.parametrize(("config", "flags", "means"), ASKED)
def test_flags_choose_precisions(
    config: Config, flags: tuple[str, ...], means: tuple[Any, Any]
) -> None:
    assert computes(config, *flags) == means


def test_a_node_may_ask_for_eight_bits() -> None:
    assert Choices().of(UNET, stored="fp8_e5m2").stored == torch.float8_e5m2


def test_a_gpu_computes_the_unet_in_half_and_the_text_exactly() -> None:
    assert computes(UNET, device=GPU) == (F16, F16)
    assert computes(TEXT, device=GPU) == (F32, F16)
    assert computes(UNET, "--force-fp32", device=GPU) == (F32, F32)


def test_what_stays_off_the_gpu() -> None:
    assert Choices(GPU, read("--cpu-vae")).of(VAE).device == CPU
    assert Choices(GPU, read("--cpu-vae")).of(UNET).device == GPU
    assert Choices(GPU).of(TEXT, on_cpu=True).device == CPU


@pytest.mark.parametrize(
    ("flags", "fits", "home", "ahead"),
    [
        ((), True, GPU, True),
        ((), False, CPU, True),
        (("--normalvram",), False, CPU, True),
        (("--highvram",), False, GPU, True),
        (("--gpu-only",), False, GPU, True),
        (("--lowvram",), True, CPU, True),
        (("--novram",), True, CPU, False),
    ],
)
def test_weights_rest_where_the_memory_is(
    flags: tuple[str, ...], fits: bool, home: torch.device, ahead: bool
) -> None:
    choice = Choices(GPU, read(*flags)).of(UNET, fits=fits)
    assert (choice.device, choice.home, choice.ahead) == (GPU, home, ahead)


def test_what_a_picture_depends_on_is_told() -> None:
    assert Choices(wishes=read("--bf16-unet", "--fp32-vae", "--fp16-text-enc")).facts == {
        "device": "cpu",
        "unet": "bfloat16",
        "vae": "float32",
        "text": "float32 from float16",
    }


FLAGS = [
    ["--force-fp32", "--fp16-unet", "--bf16-vae", "--fp8_e4m3fn-text-enc", "--lowvram"],
    ["--force-fp16", "--fp8_e5m2-unet", "--cpu-vae", "--reserve-vram", "1.5"],
    ["--novram", "--force-upcast-attention"],
    [],
]


@pytest.mark.parametrize("flags", FLAGS)
def test_flags_come_back_as_they_were_given(flags: list[str]) -> None:
    assert sorted(read(*flags).flags()) == sorted(flags)
    assert read(*read(*flags).flags()) == read(*flags)


def test_flags_of_one_matter_exclude_each_other() -> None:
    with pytest.raises(SystemExit):
        read("--lowvram", "--gpu-only")


@pytest.mark.parametrize("amount", ["-1", "much", "nan", "1e30"])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(SystemExit):
        read("--reserve-vram", amount)


def test_upcasting_reaches_the_network() -> None:
    assert Choices(wishes=read("--force-upcast-attention")).of(UNET).upcast_attention
    assert not Choices(wishes=read("--dont-upcast-attention")).of(UNET).upcast_attention


def test_every_kind_of_network_has_a_choice() -> None:
    assert {type(config) for config in (UNET, VAE, TEXT)} == {UnetConfig, VaeConfig, TextConfig}
