"""Scenes and captions: what pictures may show, and that training and test never meet."""

import random
from itertools import islice

from tools.starter.scenes import Scene, Thing, caption, held_out, sample_scene, sample_split


def scenes(seed: int, count: int) -> list[Scene]:
    rng = random.Random(seed)
    return [sample_scene(rng) for _ in range(count)]


def test_the_same_seed_gives_the_same_scenes_and_captions() -> None:
    def told(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [caption(sample_scene(rng), rng) for _ in range(50)]

    assert told(4) == told(4)
    assert told(4) != told(5)


def test_no_thing_has_the_colour_of_its_background() -> None:
    for scene in scenes(1, 500):
        assert all(thing.colour != scene.background for thing in scene.things)


def test_one_object_scenes_are_the_most_common() -> None:
    relations = [scene.relation for scene in scenes(2, 1000)]
    assert max(set(relations), key=relations.count) == "alone"


def test_a_caption_names_every_shape_and_colour_and_the_background() -> None:
    rng = random.Random(3)
    for scene in scenes(3, 300):
        words = caption(scene, rng)
        for thing in scene.things:
            assert thing.shape in words
            assert thing.colour in words
        assert f"on a {scene.background} " in words


def test_a_pair_is_told_from_either_end() -> None:
    star = Thing("star", "red", "plain", "large")
    ring = Thing("ring", "orange", "plain", "small")
    scene = Scene((star, ring), "vertical", "centre", "yellow", False)
    rng = random.Random(0)
    told = {caption(scene, rng) for _ in range(200)}
    assert "a large red star above a small orange ring on a yellow background" in told
    assert "a small orange ring below a large red star on a yellow background" in told
    assert all(("above" in words) == (words.index("star") < words.index("ring")) for words in told)


def test_three_equal_things_are_counted_in_words() -> None:
    cross = Thing("cross", "blue", "plain", "small")
    scene = Scene((cross,) * 3, "row", "centre", "white", False)
    rng = random.Random(0)
    told = {caption(scene, rng) for _ in range(100)}
    assert "three blue crosses on a white background" in told


def test_training_and_test_scenes_never_meet() -> None:
    rng = random.Random(7)
    training = {sample_split(rng, test=False) for _ in range(2000)}
    test = {sample_split(rng, test=True) for _ in range(500)}
    assert not training & test


def test_about_one_scene_in_twelve_is_held_out() -> None:
    unique = list(islice(dict.fromkeys(scenes(8, 6000)), 3000))
    share = sum(held_out(scene) for scene in unique) / len(unique)
    assert 0.06 < share < 0.11
