"""Infotext: text to fields and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.infotext import (
    DEFAULTS,
    quoted,
    read_infotext,
    write_infotext,
    written_fields,
)
from engine.formats.infotext_places import read_novelai, read_user_comment, write_user_comment
from engine.formats.infotext_samplers import named_sampler
from tests.engine.text.golden import cases


@pytest.mark.vectors
def test_every_text_has_the_fields_that_webui_finds() -> None:
    for case in cases("a1111", "infotext", 26):
        assert read_infotext(case["text"]) == case["fields"], case


@pytest.mark.vectors
def test_what_is_read_is_written_again() -> None:
    for case in cases("a1111", "infotext", 26):
        fields = written_fields(case["text"])
        assert written_fields(write_infotext(fields)) == fields, case


@pytest.mark.vectors
def test_values_are_quoted_as_webui_quotes_them() -> None:
    for case in cases("a1111", "quote", 10):
        assert quoted(case["value"]) == case["quoted"], case


@pytest.mark.vectors
def test_samplers_are_those_of_webui_and_ours() -> None:
    for case in cases("a1111", "samplers", 53):
        found = named_sampler(case["sampler"], case["schedule_type"])
        assert [found.sampler, found.collapsed] == case["webui"], case
        assert [found.sampler, found.schedule] == case["webui_explicit"], case
        assert list(found.engine) == case["engine"], case
        assert found.exact == case["exact"], case
        assert found.exact or found.warnings


def test_before_schedules_were_named_a_plain_name_meant_the_plain_schedule() -> None:
    def old(name: str) -> tuple[str, str]:
        return named_sampler(name, before_schedules=True).engine

    assert old("DPM++ 2M") == ("dpmpp_2m", "normal")
    assert old("DPM++ 2M Karras") == ("dpmpp_2m", "karras")
    assert old("Restart") == ("heun", "karras")
    assert old("DDIM") == ("ddim", "ddim_uniform")


def test_json_of_other_tools_is_one_value() -> None:
    text = 'a\nSteps: 20, Seed: 1, Hashes: {"lora:x": "12, 34", "model": "ab"}, Version: v1.7.0'
    fields = read_infotext(text)
    assert fields["Hashes"] == '{"lora:x": "12, 34", "model": "ab"}'
    assert fields["Version"] == "v1.7.0"
    assert written_fields(write_infotext(fields))["Hashes"] == fields["Hashes"]


def test_networks_of_old_versions_become_tags() -> None:
    text = (
        "a\nSteps: 20, Seed: 1, AddNet Enabled: True, AddNet Module 1: LoRA, "
        "AddNet Model 1: foo(abc123), AddNet Weight A 1: 0.6, AddNet Weight B 1: 0.6"
    )
    assert read_infotext(text)["Prompt"] == "a<lora:foo:0.6>"


def test_settings_stand_in_webui_s_order() -> None:
    fields = {"Version": "v1", "Foo": "x", "Seed": 5, "Steps": 20, "Size-2": 8, "Size-1": 16}
    assert write_infotext(fields) == "Steps: 20, Seed: 5, Size: 16x8, Foo: x, Version: v1"


LINES = st.text(alphabet='ab (:1.2),"\\é{}[]', max_size=20).map(str.strip).filter(bool)
KEYS = (
    st.text(alphabet="abZ9 /_", min_size=2, max_size=8)
    .map(str.strip)
    .filter(lambda key: len(key) > 1 and key[0] not in " /-")
)
VALUES = st.text(alphabet='ab1x,:"\\\n é{', min_size=1, max_size=12)


@given(
    st.lists(LINES, max_size=3).map("\n".join),
    st.lists(LINES, max_size=2).map("\n".join),
    st.dictionaries(KEYS, VALUES, min_size=3, max_size=6),
)
def test_any_fields_are_written_so_that_they_are_read(
    prompt: str, negative: str, others: dict[str, str]
) -> None:
    fields = {**others, "Prompt": prompt, "Negative prompt": negative}
    found = written_fields(write_infotext(fields))
    sizes = {key for key, value in others.items() if written_fields(f"ab: {value}").get("ab-1")}
    assert {key: found.get(key) for key in fields if key not in sizes} == {
        key: value for key, value in fields.items() if key not in sizes
    }


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_read(text: str) -> None:
    assert set(read_infotext(text)) >= {"Prompt", "Negative prompt", *DEFAULTS}


@given(st.text(), st.binary())
def test_comments_in_exif_are_read(text: str, noise: bytes) -> None:
    assert isinstance(read_user_comment(noise), str)
    assert isinstance(read_user_comment(b"UNICODE\0" + noise), str)
    written = write_user_comment(f"a cat\nSteps: 20{text}".rstrip("\0"))
    assert read_user_comment(written).startswith("a cat\nSteps: 20")


def test_comments_in_exif_have_either_order_of_bytes() -> None:
    assert read_user_comment(b"UNICODE\0" + "a cat é".encode("utf-16-le")) == "a cat é"
    assert read_user_comment(write_user_comment("雨 cat")) == "雨 cat"
    assert read_user_comment(b"ASCII\0\0\0a cat") == "a cat"


def test_pictures_of_novelai_are_read() -> None:
    comment = (
        '{"uc": "bad", "steps": 28, "scale": 11, "seed": 5, "sampler": "k_euler_ancestral", '
        '"width": 512, "height": 768}'
    )
    fields = read_infotext(read_novelai("a {cat}", comment) or "")
    assert fields["Prompt"] == "a {cat}"
    assert fields["Negative prompt"] == "bad"
    assert (fields["Sampler"], fields["Clip skip"], fields["ENSD"]) == ("Euler a", "2", "31337")
    assert (fields["Size-1"], fields["Size-2"]) == ("512", "768")
    assert read_novelai("a", "[") is None
    assert read_novelai("a", "[1]") is None
