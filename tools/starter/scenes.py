"""What a starter picture shows, and the plain words that say so.

A `Scene` is the meaning of a picture: things, their relation, the background. Pixel positions and
rasterising live in drawing.py; which scenes may be trained on is decided here, by `held_out`.
"""

import hashlib
import random
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "ring", "heart", "cross", "diamond")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black")
BACKGROUNDS = ("white", "yellow", "green", "blue", "purple", "pink", "grey", "black")
TEXTURES = ("plain", "striped", "dotted")
SIZES = ("small", "large")
PLACES = ("centre", "top", "bottom", "left", "right")
PLURALS = {"cross": "crosses"}
COUNT_WORDS = {2: "two", 3: "three"}
BACKWARD_SHARE = 0.5

_PLACE_WORDS = {
    "top": "at the top",
    "bottom": "at the bottom",
    "left": "on the left",
    "right": "on the right",
}
# Told from the first thing and told from the second.
_RELATION_WORDS = {"vertical": ("above", "below"), "horizontal": ("left of", "right of")}
_OPENINGS = ("", "", "", "", "", "", "a picture of ", "a drawing of ")


@dataclass(frozen=True)
class Thing:
    """One object: its shape, colour, texture and size, all plain words."""

    shape: str
    colour: str
    texture: str
    size: str


@dataclass(frozen=True)
class Scene:
    """The meaning of one picture.

    `relation` is "alone" (one thing, at `place`), "vertical" (the first thing above the second),
    "horizontal" (the first left of the second) or "row" (two or three equal things).
    """

    things: tuple[Thing, ...]
    relation: str
    place: str
    background: str
    gradient: bool


def sample_scene(rng: random.Random) -> Scene:
    """One random scene; one-object scenes are the most common. No object has the background's
    colour.
    """
    background = rng.choice(BACKGROUNDS)
    gradient = rng.random() < 0.1
    relation = rng.choices(("alone", "vertical", "horizontal", "row"), (50, 18, 18, 14))[0]
    first = _sample_thing(rng, background)
    if relation == "alone":
        off_centre = first.size == "small" and rng.random() < 0.4
        place = rng.choice(PLACES[1:]) if off_centre else "centre"
        return Scene((first,), relation, place, background, gradient)
    if relation == "row":
        things = (first,) * rng.choice((2, 2, 3))
        return Scene(things, relation, "centre", background, gradient)
    return Scene((first, _sample_thing(rng, background)), relation, "centre", background, gradient)


def _sample_thing(rng: random.Random, background: str) -> Thing:
    return Thing(
        shape=rng.choice(SHAPES),
        colour=rng.choice([c for c in COLOURS if c != background]),
        texture=rng.choices(TEXTURES, (76, 12, 12))[0],
        size=rng.choice(SIZES),
    )


def caption(scene: Scene, rng: random.Random) -> str:
    """A caption of the scene; sizes are sometimes left unsaid, everything else is said."""
    what = _phrase(scene, rng)
    kind = "gradient background" if scene.gradient else "background"
    return f"{rng.choice(_OPENINGS)}{what} on a {scene.background} {kind}"


def _phrase(scene: Scene, rng: random.Random) -> str:
    if scene.relation == "row":
        thing = scene.things[0]
        count = COUNT_WORDS[len(scene.things)]
        return f"{count} {_words(thing, rng)} {PLURALS.get(thing.shape, thing.shape + 's')}"
    if scene.relation == "alone":
        thing = scene.things[0]
        where = _PLACE_WORDS.get(scene.place)
        return f"{_one(thing, rng)} {where}" if where else _one(thing, rng)
    first, second = (_one(thing, rng) for thing in scene.things)
    forward, backward = _RELATION_WORDS[scene.relation]
    if rng.random() < BACKWARD_SHARE:
        return f"{second} {backward} {first}"
    return f"{first} {forward} {second}"


def _one(thing: Thing, rng: random.Random) -> str:
    words = f"{_words(thing, rng)} {thing.shape}"
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _words(thing: Thing, rng: random.Random) -> str:
    size = thing.size if rng.random() < 0.6 else ""
    texture = thing.texture if thing.texture != "plain" else ""
    return " ".join(word for word in (size, texture, thing.colour) if word)


def held_out(scene: Scene) -> bool:
    """True for the one scene in twelve that no training picture shows; decided by a hash of its
    meaning.
    """
    return hashlib.sha256(repr(scene).encode()).digest()[0] * 12 < 256


def sample_split(rng: random.Random, *, test: bool) -> Scene:
    """A random scene from the training half (`test=False`) or the held-out half (`test=True`)."""
    while True:
        scene = sample_scene(rng)
        if held_out(scene) == test:
            return scene
