"""The kinds of photos and their scenes: a module of drawings adds its own when it is imported."""

from collections.abc import Callable
from typing import NamedTuple

from stages.drawing.pen import Pen
from stages.drawing.settings import bare

FOODS = (
    *("Bread", "Dairy product", "Dessert", "Egg", "Fried food", "Meat"),
    *("Noodles-Pasta", "Rice", "Seafood", "Soup", "Vegetable-Fruit"),
)
OBJECTS = (
    *("ball", "book", "brick wall", "button", "car", "clock", "cloud", "coins", "cup"),
    *("fabric", "feather", "flower", "gear", "gravel", "house", "keys", "leaf", "log"),
    *("rope", "star", "tile floor", "tree", "umbrella"),
)

Draw = Callable[[Pen], None]


class Scene(NamedTuple):
    """One way to show a kind: its drawing, the containers it may be served on and the view of it."""

    draw: Draw
    on: tuple[Callable[[Pen], Pen], ...]
    view: str  # from the "top" or the "side", "out" of doors, or filling the whole frame: "fill"


# The order within a kind is part of the result: a photo picks its scene by number.
SCENES: dict[str, list[Scene]] = {kind: [] for kind in (*FOODS, *OBJECTS)}


def draws(kind: str, on: tuple = (bare,), view: str = "top") -> Callable[[Draw], Draw]:
    """Register a drawing as a `Scene` of `kind`, with these containers and this view."""

    def register(draw: Draw) -> Draw:
        SCENES[kind].append(Scene(draw, on, view))
        return draw

    return register
