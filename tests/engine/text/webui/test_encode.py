"""The mathematics of the webui dialect on a real, tiny CLIP, and prompts as conditioning."""

from collections import Counter
from typing import Any

import pytest
import torch

from engine.text.cache import SaidCache
from engine.text.embeddings import Embeddings
from engine.text.prompts import Listeners
from engine.text.webui.conditioning import at_call, conditioning, guide_together
from engine.text.webui.encode import WebuiOptions, encode_webui, weighted
from engine.text.webui.plan import Plan, plan_prompt
from engine.text.webui.timeline import Timeline
from tests.engine.sampling.golden import golden_tensors
from tests.engine.text.golden import cases, tiny_encoders
from tests.engine.text.networks import Recorder
from tests.support import vectors

TOLERANCE = 1e-4


@pytest.mark.vectors
def test_conditioning_equals_webui_s() -> None:
    tensors = golden_tensors("prompt", "encode_webui.safetensors")
    to = Listeners([tiny_encoders()["l"]], Embeddings([vectors("prompt", "embeddings")]))
    for case in cases("encode", "webui", 12):
        options = WebuiOptions(emphasis=case["emphasis"], clip_skip=case["clip_skip"], strict=True)
        found = encode_webui(Counter(case["texts"]), to, options)
        cond = torch.cat([found[text].cond for text in case["texts"]])
        assert list(cond.shape) == case["shape"], case
        assert (cond - tensors[case["tensor"]]).abs().max() <= TOLERANCE, case


def test_a_text_that_stands_twice_in_a_schedule_counts_twice_for_the_mean() -> None:
    hidden = torch.randn(2, 1, 77, 3, generator=torch.Generator().manual_seed(1)) + 2
    weights = torch.ones(2, 1, 77)
    weights[1, 0, 3] = 1.4
    found = weighted(hidden, weights, torch.tensor([2, 1]), restore=True)
    three = torch.cat([hidden[:1], hidden])
    scaled = three * torch.cat([weights[:1], weights])[..., None]
    torch.testing.assert_close(found, (scaled * (three.mean() / scaled.mean()))[1:])


def listeners(*networks: Any) -> Listeners:
    return Listeners(networks or (Recorder(),), Embeddings([]), SaidCache())


def plan(text: str, steps: int = 10, *, negative: bool = False) -> Plan:
    return plan_prompt(text, Timeline(steps), negative=negative)


def test_a_plain_prompt_is_one_ordinary_entry() -> None:
    ((_, options),) = conditioning(plan("a (cat:1.2)"), listeners())
    assert set(options) == {"pooled_output"}


def test_a_schedule_is_an_entry_for_each_text_with_the_calls_it_is_said_in() -> None:
    entries = conditioning(plan("a [cat:dog:5]"), listeners())
    assert [options["webui"] for _, options in entries] == [
        {"calls": [0, 5], "weight": 1.0, "part": 0},
        {"calls": [6, 10], "weight": 1.0, "part": 0},
    ]


def test_the_same_text_is_never_encoded_twice() -> None:
    network = Recorder()
    conditioning(plan("[a cat|a dog|a cat] AND a dog AND a cat"), listeners(network))
    assert len(network.rows) == len({tuple(row) for row in network.rows}) == 2


def test_weights_are_put_on_what_the_network_said_before() -> None:
    network = Recorder()
    to = listeners(network)
    conditioning(plan("a (cat:1.2)"), to)
    conditioning(plan("a (cat:0.7)"), to)
    assert len(network.rows) == 1


def test_each_part_has_one_entry_at_each_call() -> None:
    entries = conditioning(plan("a [cat:dog:5] AND x:0.5"), listeners())
    first, _, other = entries
    assert at_call(entries, 5) == [(1.0, first), (0.5, other)]
    assert [entry for _, entry in at_call(entries, 6)] == entries[1:]
    assert at_call(entries, 99) == at_call(entries, 10)


def test_parts_guide_together() -> None:
    uncond, a, b = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([5.0])
    assert guide_together(uncond, [(1.0, a), (-0.5, b)], 7.0).item() == 1 + 7 * (1 - 0.5 * 4)


def test_an_empty_negative_prompt_can_be_zeros() -> None:
    ((cond, options),) = conditioning(plan("", negative=True), listeners(), zero_if_empty=True)
    assert not cond.any()
    assert not options["pooled_output"].any()
    ((cond, _),) = conditioning(plan("x", negative=True), listeners(), zero_if_empty=True)
    assert cond.any()


def test_a_negative_prompt_keeps_tags_and_and() -> None:
    found = plan("a <lora:x:1> AND b", negative=True)
    assert [stage.text for part in found.parts for stage in part.stages] == ["a <lora:x:1> AND b"]
    assert not found.tags


SKIPS = [
    (("l",), {"clip_skip": 2}, [(-2, True)]),
    (("l",), {}, [(-1, True)]),
    (("l",), {"clip_skip": 20}, [(-1, True)]),
    (("h",), {"clip_skip": 3}, [(-2, True)]),
    (("l", "g"), {"clip_skip": 3}, [(-2, False), (-2, False)]),
    (("l", "g"), {"clip_skip": 3, "clip_l_skip": True}, [(-3, False), (-2, False)]),
]


@pytest.mark.parametrize(("kinds", "options", "asked"), SKIPS)
def test_clip_skip_is_heard_by_those_that_hear_it_in_webui(
    kinds: tuple[str, ...], options: dict[str, Any], asked: list[Any]
) -> None:
    networks = [Recorder(kind) for kind in kinds]
    conditioning(plan("a"), listeners(*networks), WebuiOptions(**options))
    assert [network.calls[0][1:] for network in networks] == asked


@pytest.mark.parametrize("skip", [0, -1, 25])
def test_clip_skip_counts_layers(skip: int) -> None:
    with pytest.raises(ValueError, match=f"Clip skip is {skip}"):
        WebuiOptions(clip_skip=skip)


@pytest.mark.parametrize("text", ["(a:1" + "0" * 400 + ")", "a AND b:1" + "0" * 400])
def test_an_endless_weight_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="infinite"):
        conditioning(plan(text), listeners())
