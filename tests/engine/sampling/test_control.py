"""Control nets on prompts: ranges, strengths, chains, hints, and what negatives get of them."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampling.control import ControlLink, ControlRun, ControlRuns, share_controls
from engine.sampling.entries import Area, Entry
from engine.sampling.inputs import Control
from engine.sampling.model_sampling import ModelSampling

SAMPLING = ModelSampling()
HALF = SAMPLING.levels.percent_to_sigma(0.5)


@dataclass(frozen=True)
class Adds:
    """A control net that adds a number in every list, and the hint's means in "output"."""

    number: float

    def __call__(
        self, x: Tensor, hint: Tensor, timestep: Tensor, context: Tensor, y: Tensor | None
    ) -> Control:
        whole = torch.full_like(x, self.number)
        means = torch.zeros_like(x) + hint.mean((1, 2, 3)).view(-1, 1, 1, 1)
        return {"input": [whole], "middle": [whole], "output": [None, means]}


def hint(*values: float, height: int = 32, width: int = 48) -> Tensor:
    pictures = torch.zeros(len(values), height, width, 3)
    return pictures + torch.tensor(values).view(-1, 1, 1, 1)


def link(number: float = 1.0, strength: float = 1.0, **options: Any) -> ControlLink:
    return replace(ControlLink.of(Adds(number), hint(0.5), strength), **options)


def added(found: ControlLink, sigma: float, batch: int = 1, chunks: int = 1) -> Control:
    run = ControlRuns(SAMPLING, torch.device("cpu")).run(found)
    x = torch.zeros(batch, 4, 4, 6)
    return run(x, sigma, torch.zeros(batch, 2, 2), None, chunks)


def middle(found: Control) -> float | None:
    return float(found["middle"][0].mean()) if found else None


def test_everything_that_is_added_is_scaled_by_the_strength() -> None:
    found = added(link(2.0, 0.25), 3.0)
    assert middle(found) == 0.5
    assert found["output"][0] is None
    assert float(found["output"][1].mean()) == 0.125


def test_a_control_acts_at_both_ends_of_its_range_and_not_beyond() -> None:
    first = link(start_percent=0.0, end_percent=0.5)
    assert middle(added(first, HALF)) == 1
    assert middle(added(first, HALF - 0.01)) is None
    second = link(start_percent=0.5, end_percent=1.0)
    assert middle(added(second, HALF)) == 1
    assert middle(added(second, HALF + 0.01)) is None


def test_chained_controls_add_up_and_one_out_of_range_lets_the_others_through() -> None:
    chain = link(10.0, start_percent=0.5).after(link(1.0))
    assert middle(added(chain, HALF - 0.01)) == 11
    assert middle(added(chain, HALF + 0.01)) == 1
    late = link(10.0).after(link(1.0, start_percent=0.5))
    assert middle(added(late, HALF + 0.01)) == 10


def test_hints_of_a_batch_go_with_its_pictures_in_every_chunk() -> None:
    found = added(replace(link(), hint=hint(0.25, 0.75)), 3.0, batch=6, chunks=2)
    means = found["output"][1].mean((1, 2, 3))
    assert means.tolist() == [0.25, 0.75, 0.25] * 2
    cut = added(replace(link(), hint=hint(0.25, 0.75)), 3.0, batch=2, chunks=2)
    assert cut["output"][1].mean((1, 2, 3)).tolist() == [0.25, 0.25]


def test_a_hint_is_cut_to_the_picture_s_shape_from_its_middle() -> None:
    picture = torch.zeros(1, 96, 48, 3)
    picture[:, 32:64] = 1
    assert float(added(replace(link(), hint=picture), 3.0)["output"][1].min()) == 1


def test_links_that_do_the_same_are_one_control() -> None:
    runs = ControlRuns(SAMPLING, torch.device("cpu"))
    one, same = link().after(link(2.0)), link().after(link(2.0))
    assert runs.run(one) is runs.run(same)
    assert runs.run(one) is not runs.run(link())
    other_hint = ControlLink.of(Adds(1.0), hint(0.25), 1.0)
    assert runs.run(other_hint) is not runs.run(link())


def test_a_hint_that_is_no_picture_is_said() -> None:
    with pytest.raises(ValueError, match="Convert Mask to Image"):
        ControlLink.of(Adds(1.0), torch.zeros(1, 32, 32), 1.0)


def control() -> ControlRun:
    return ControlRuns(SAMPLING, torch.device("cpu")).run(link())


def entry(**options: Any) -> Entry:
    return Entry(torch.zeros(1, 1, 2), **options)


def test_negatives_get_the_controls_that_positives_hand_on_in_turn() -> None:
    one, two = control(), control()
    positive = [entry(control=found, control_to_uncond=True) for found in (one, two)]
    negative = [entry(), entry(area=Area(8, 8, 0, 0)), entry()]
    share_controls(positive, negative)
    assert [found.control for found in negative] == [one, None, two]


def test_negatives_with_a_control_of_their_own_get_none() -> None:
    own = control()
    negative = [entry(control=own), entry()]
    share_controls([entry(control=control(), control_to_uncond=True)], negative)
    assert [found.control for found in negative] == [own, None]


def test_nothing_is_handed_on_from_an_area_or_without_being_asked() -> None:
    negative = [entry()]
    given = [
        entry(control=control()),
        entry(control=control(), control_to_uncond=True, area=Area(8, 8, 0, 0)),
    ]
    share_controls(given, negative)
    assert negative[0].control is None
