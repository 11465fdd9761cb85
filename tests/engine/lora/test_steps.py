"""How chains of changes act on a weight: order, joining, and factors that do not go together."""

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.lora.algorithms import KINDS
from engine.lora.algorithms.kind import Shape
from engine.lora.errors import LoraError
from engine.lora.stems import Rows
from engine.lora.steps import Step, applied, apply_steps

OUT, IN = 24, 16


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def step(
    kind: str, factors: Mapping[str, Tensor], strength: float = 1.0, rows: Rows | None = None
) -> Step:
    scale = 0.5 if KINDS[kind].additive else 1.0
    return Step(kind, factors, scale, strength, rows, "a.safetensors: stem")


def low(seed: int, strength: float = 1.0, rank: int = 3) -> Step:
    factors = {"up": rand(OUT, rank, seed=seed), "down": rand(rank, IN, seed=seed + 100)}
    return step("lora", factors, strength)


def turn(strength: float = 1.0) -> Step:
    return step("oft", {"oft_blocks": rand(OUT // 4, 4, 4, seed=7)}, strength)


def after(*steps: Step) -> Tensor:
    return applied(rand(OUT, IN), steps, (OUT, IN))


def test_products_in_a_row_are_joined_to_what_they_are_one_by_one() -> None:
    chain = [low(1, 0.7), low(2, -0.3, rank=5), low(3)]
    want = rand(OUT, IN).double()
    for one in chain:
        factors = {name: factor.double() for name, factor in one.factors.items()}
        want += one.strength * 0.5 * factors["up"] @ factors["down"]
    torch.testing.assert_close(after(*chain).double(), want, atol=1e-5, rtol=1e-5)


def test_what_depends_on_the_weight_sees_what_was_before_it() -> None:
    torch.testing.assert_close(after(low(1), low(2)), after(low(2), low(1)))
    first = applied(after(low(1)), [turn()], (OUT, IN))
    assert torch.equal(after(low(1), turn()), first)
    assert not torch.allclose(after(turn(), low(1)), first, atol=1e-2)


def test_a_rotation_keeps_the_length_of_every_column() -> None:
    weight = after(turn())
    torch.testing.assert_close(weight.norm(dim=0), rand(OUT, IN).norm(dim=0))


def test_strengths_are_linear_for_all_but_replacements() -> None:
    base = rand(OUT, IN)
    whole, half, back = (after(turn(s)) - base for s in (1.0, 0.5, -1.0))
    torch.testing.assert_close(half, 0.5 * whole)
    torch.testing.assert_close(back, -whole)
    value = {"value": rand(OUT, IN, seed=5)}
    assert torch.allclose(after(step("set", value, -0.1)), value["value"], atol=1e-6)


@pytest.mark.parametrize("rank", [2, OUT])
def test_on_a_square_weight_the_layout_of_glora_is_told_by_its_rank(rank: int) -> None:
    weight = rand(OUT, OUT)
    a1, a2, b1, b2 = (rand(*((OUT, rank) if n % 2 else (rank, OUT)), seed=n) for n in range(1, 5))
    new = dict(zip(("a1", "a2", "b1", "b2"), (a1, a2, b1, b2), strict=True))
    old = {"a1": a2, "a2": a1, "b1": b2, "b2": b1}
    for factors, is_old in ((new, rank == OUT), (old, True)):
        if is_old:
            want = weight @ factors["a2"] @ factors["a1"] + factors["b2"] @ factors["b1"]
        else:
            want = weight @ factors["a1"] @ factors["a2"] + factors["b1"] @ factors["b2"]
        torch.testing.assert_close(
            KINDS["glora"].delta(factors, weight), want, atol=1e-4, rtol=1e-4
        )


def test_rows_of_a_change_of_several_modules_are_cut_out() -> None:
    factors = {"up": rand(3 * OUT, 2), "down": rand(2, IN, seed=1)}
    whole = applied(torch.zeros(3 * OUT, IN), [step("lora", factors)], (3 * OUT, IN))
    rows = Rows(OUT, 2 * OUT, 3 * OUT)
    part = applied(torch.zeros(OUT, IN), [step("lora", factors, rows=rows)], (OUT, IN))
    torch.testing.assert_close(part, whole[OUT : 2 * OUT])
    names = ("w1_a", "w1_b", "w2_a", "w2_b")
    halves = {
        n: rand(*((3 * OUT, 2) if n[-1] == "a" else (2, IN)), seed=i) for i, n in enumerate(names)
    }
    whole = applied(torch.zeros(3 * OUT, IN), [step("loha", halves)], (3 * OUT, IN))
    part = applied(torch.zeros(OUT, IN), [step("loha", halves, rows=rows)], (OUT, IN))
    torch.testing.assert_close(part, whole[OUT : 2 * OUT])


def test_swapped_halves_change_places() -> None:
    factors = {"up": rand(OUT, 2), "down": rand(2, IN, seed=1)}
    whole, swapped = (
        applied(
            torch.zeros(OUT, IN),
            [step("lora", factors, rows=Rows(0, OUT, OUT, swapped))],
            (OUT, IN),
        )
        for swapped in (False, True)
    )
    torch.testing.assert_close(swapped, torch.cat([whole[OUT // 2 :], whole[: OUT // 2]]))


def test_only_the_weight_given_is_written() -> None:
    one, weight = low(1), rand(OUT, IN)
    kept = {name: factor.clone() for name, factor in one.factors.items()}
    apply_steps(weight, [one, turn()])
    assert all(torch.equal(one.factors[name], factor) for name, factor in kept.items())


def test_a_side_that_does_not_fit_the_numbers_names_file_and_stem() -> None:
    wrong = step("ia3", {"l": rand(OUT), "on_input": torch.ones(())})
    with pytest.raises(LoraError, match=r"a\.safetensors: stem: it holds 24 numbers for the input"):
        after(wrong)


SIZES = st.integers(0, 6)
FACTORS: Mapping[str, tuple[str, ...]] = {
    "lora": ("up", "down", "mid"),
    "lora_bias": ("bias", "down"),
    "loha": ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2"),
    "lokr": ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2"),
    "glora": ("a1", "a2", "b1", "b2"),
    "oft": ("oft_blocks", "oft_diag", "rescale"),
    "boft": ("oft_blocks", "rescale"),
    "oft_v2": ("packed", "scaled"),
    "ia3_peft": ("ia3_l",),
    "norm": ("diff",),
    "full": ("diff",),
    "set": ("value",),
}


@settings(max_examples=200, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(FACTORS)))
def test_factors_that_fit_can_be_computed_whatever_their_shapes(
    data: st.DataObject, kind: str
) -> None:
    shapes: dict[str, Shape] = {}
    for factor in FACTORS[kind]:
        sizes = st.lists(SIZES, min_size=0, max_size=4).map(tuple)
        found = data.draw(sizes | st.none())
        if found is not None:
            shapes[factor] = found
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    if not KINDS[kind].complete(shapes):
        return
    KINDS[kind].made_for(shapes)
    KINDS[kind].rank(shapes)
    if KINDS[kind].fits(shapes, shape):
        weight = rand(*shape)
        factors = {name: rand(*of) for name, of in shapes.items()}
        assert KINDS[kind].delta(factors, weight).shape == weight.shape
        if KINDS[kind].additive:
            assert KINDS[kind].delta(factors, weight.to("meta")).shape == weight.shape
