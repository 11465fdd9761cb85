"""Infotext as settings, and settings as infotext."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.infotext_settings import Hires, Settings, infotext_of, settings_of
from tests.engine.text.golden import cases

FULL = """a <lora:foo:0.8>
Negative prompt: b
Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 42, Size: 832x1216, \
Model hash: 31e35c80fc, Model: sd_xl, VAE hash: 12, VAE: v.safetensors, Variation seed: 5, \
Variation seed strength: 0.1, Seed resize from: 512x640, Denoising strength: 0.4, Clip skip: 2, \
ENSD: 31337, RNG: CPU, Hires upscale: 2, Hires steps: 10, Hires upscaler: Latent, \
Hires prompt: "c, d", Lora hashes: "foo: 5ba9a1b1c2d3, bar: aa", TI hashes: "t: bb", \
Emphasis: No norm, Refiner: r [12], Refiner switch at: 0.8, Wildcard prompt: "a __x__, y", \
ControlNet 0: "Module: canny, Weight: 1", Version: v1.10.1"""


def test_every_setting_is_read() -> None:
    assert settings_of(FULL) == Settings(
        prompt="a <lora:foo:0.8>",
        negative_prompt="b",
        steps=30,
        sampler="DPM++ 2M",
        schedule="Karras",
        cfg=5.5,
        seed=42,
        width=832,
        height=1216,
        model="sd_xl",
        model_hash="31e35c80fc",
        vae="v.safetensors",
        vae_hash="12",
        variation_seed=5,
        variation_strength=0.1,
        resized_from=(512, 640),
        denoise=0.4,
        clip_skip=2,
        ensd=31337,
        rng="CPU",
        emphasis="No norm",
        hires=Hires(upscale=2.0, steps=10, upscaler="Latent", prompt="c, d"),
        refiner="r [12]",
        refiner_at=0.8,
        lora_hashes={"foo": "5ba9a1b1c2d3", "bar": "aa"},
        embedding_hashes={"t": "bb"},
        template="a __x__, y",
        version="v1.10.1",
        others={"ControlNet 0": "Module: canny, Weight: 1"},
    )


def test_a_full_text_is_written_as_it_was() -> None:
    written = infotext_of(settings_of(FULL))
    assert sorted(written.split(", ")) == sorted(FULL.split(", "))


@pytest.mark.vectors
def test_settings_are_the_same_after_they_were_written() -> None:
    for case in cases("a1111", "infotext", 26):
        settings = settings_of(case["text"])
        assert settings_of(infotext_of(settings)) == settings, case


def test_the_sampler_is_named_as_it_is_here() -> None:
    assert settings_of(FULL).named_sampler.engine == ("dpmpp_2m", "karras")


@pytest.mark.parametrize(
    ("settings", "old"),
    [
        ("Version: v1.8.0", True),
        ("Foo: x", True),
        ("Version: v1.9.0", False),
        ("Schedule type: Automatic", False),
    ],
)
def test_old_texts_name_no_schedule(settings: str, old: bool) -> None:
    found = settings_of(f"a\nSteps: 20, Sampler: DPM++ 2M, Seed: 5, {settings}")
    assert found.before_schedules == old
    assert found.named_sampler.engine[1] == ("normal" if old else "karras")


def test_old_texts_with_editing_mean_the_old_steps() -> None:
    text = "[a:b:0.5]\nSteps: 20, Sampler: DDIM, Seed: 1, Version: v1.5.1"
    assert settings_of(text).old_timelines
    assert not settings_of(text.replace("v1.5.1", "v1.6.0")).old_timelines


@pytest.mark.parametrize("value", ["many", "nan", "inf", "1e999", "٣x", "--1"])
def test_numbers_that_are_none_are_left_out_and_told(value: str) -> None:
    found = settings_of(f"a\nSteps: {value}, Sampler: Euler, CFG scale: {value}, Seed: {value}")
    assert (found.steps, found.cfg, found.seed) == (None, None, None)
    assert len(found.problems) == 3
    assert "Steps is" in found.problems[0]


TEXTS = st.text(alphabet="abc (:1.2)", max_size=12).map(str.strip)
NAMES = st.text(alphabet="abcX_- .", min_size=1, max_size=10).map(str.strip).filter(bool)
HASHES = st.dictionaries(NAMES, st.text("0123456789abcdef", min_size=12, max_size=12), max_size=2)
WHOLE = st.integers(0, 2**63)
NUMBERS = st.floats(-100, 100).map(lambda number: round(number, 3) + 0.0)
SETTINGS = st.builds(
    Settings,
    prompt=TEXTS,
    negative_prompt=TEXTS,
    steps=WHOLE,
    sampler=st.sampled_from(["Euler a", "DPM++ 2M"]),
    schedule=st.sampled_from(["Automatic", "Karras"]),
    cfg=NUMBERS,
    seed=WHOLE,
    width=st.integers(1, 9999),
    height=st.just(512),
    model=NAMES,
    denoise=st.none() | NUMBERS,
    clip_skip=st.integers(1, 12),
    hires=st.none()
    | st.builds(
        Hires,
        upscale=st.none() | NUMBERS,
        upscaler=st.just("Latent"),
        prompt=TEXTS,
        width=st.integers(1, 99),
        height=st.integers(1, 99),
    ),
    lora_hashes=HASHES,
    embedding_hashes=HASHES,
    template=TEXTS,
    version=st.just("v1.10.1"),
)


@given(SETTINGS)
def test_any_settings_are_written_so_that_they_are_read(settings: Settings) -> None:
    assert settings_of(infotext_of(settings)) == settings
