"""How views are made: DINO's views, and altered copies as people make them.

A ``Recipe`` holds the chances and strengths of every alteration; a ``Mixture`` holds recipes and the
share of the views that each makes.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from dupfind.training.views.colour import ColourOptions
from dupfind.training.views.compose import ComposeOptions
from dupfind.training.views.degrade import DegradeOptions
from dupfind.training.views.geometry import GeometryOptions
from dupfind.training.views.overlays import OverlayOptions

# Shares of the copies that are altered in one way alone: what most copies in albums are.
ONE_WAY = {"shape": 0.25, "colour": 0.25, "placed": 0.4, "covered": 0.1}
PLACED = ComposeOptions(frame=0.2, screen=0.4, collage=0.4)


@dataclass(frozen=True)
class Recipe:
    """How one view of a photo is made."""

    geometry: GeometryOptions = field(default_factory=GeometryOptions)
    colour: ColourOptions = field(default_factory=ColourOptions)
    degrade: DegradeOptions = field(default_factory=DegradeOptions)
    overlay: OverlayOptions = field(default_factory=OverlayOptions)
    compose: ComposeOptions = field(default_factory=ComposeOptions)


@dataclass(frozen=True)
class Mixture:
    """Pairs of (share of the views, recipe); the shares sum to 1."""

    parts: tuple[tuple[float, Recipe], ...]


LIGHT = Recipe(
    geometry=GeometryOptions(scale=(0.85, 1.0), ratio=1.1, flip=0.0),
    colour=ColourOptions(jitter=0.3, gray=0.0),
    degrade=DegradeOptions(jpeg=0.2, blur=0.1),
)
WHOLE = Recipe(
    geometry=GeometryOptions(scale=(1.0, 1.0), ratio=1.0, flip=0.0),
    colour=ColourOptions(jitter=0.0, gray=0.0),
)
# What else happens to a copy that is altered in one way: other colours cost nothing to learn beside.
MILD = replace(LIGHT, colour=ColourOptions(jitter=0.5, gray=0.15, sepia=0.1, cast=0.1))


def dino_recipes(
    *, global_scale: tuple[float, float], local_scale: tuple[float, float]
) -> tuple[Recipe, Recipe, Recipe]:
    """Return the recipes of global view 1, global view 2 and local views.

    Source: DINO (arXiv 2104.14294), appendix; blur and solarisation as in BYOL (2006.07733).
    """
    first = Recipe(geometry=GeometryOptions(scale=global_scale), degrade=DegradeOptions(blur=1.0))
    second = replace(first, colour=ColourOptions(solarise=0.2), degrade=DegradeOptions(blur=0.1))
    local = Recipe(geometry=GeometryOptions(scale=local_scale), degrade=DegradeOptions(blur=0.5))
    return first, second, local


def copy_recipe(scale: tuple[float, float] = (0.3, 1.0)) -> Recipe:
    """Return the recipe of a copy that may be altered in every way at once.

    Source: the list and many of the chances of SSCD (arXiv 2202.10261), and edits seen in albums:
    frames, screenshots, collages, tints, perspective.
    """
    return Recipe(
        geometry=GeometryOptions(
            scale=scale,
            ratio=1.5,
            flip=0.35,
            quarter_turn=0.2,
            small_rotation=0.2,
            any_rotation=0.05,
            tilt=0.2,
        ),
        colour=ColourOptions(
            jitter=0.5,
            brightness=0.6,
            contrast=0.6,
            saturation=0.6,
            hue=0.1,
            gray=0.25,
            solarise=0.02,
            cast=0.15,
            sepia=0.15,
            gamma=0.2,
            posterise=0.05,
            negative=0.02,
        ),
        degrade=DegradeOptions(blur=0.2, blur_sigma=(0.5, 5.0), sharpen=0.1, noise=0.15, jpeg=0.3),
        overlay=OverlayOptions(text=0.15, sticker=0.15, watermark=0.07),
        compose=ComposeOptions(frame=0.15, screen=0.15, collage=0.12),
    )


def copy_mixture(scale: tuple[float, float] = (0.3, 1.0), *, strong: float = 0.3) -> Mixture:
    """Return the mixture of copies: the share ``strong`` altered in every way at once.

    The others are altered in one way alone, and lightly otherwise. With all of them altered in
    every way, most pairs of a batch are past recognition and little is learned from them
    (EXPERIMENTS.md).
    """
    one_way = _one_way(scale)
    parts = [(strong, copy_recipe(scale))]
    parts += [((1 - strong) * share, one_way[name]) for name, share in ONE_WAY.items()]
    return Mixture(tuple(parts))


def single_mixture(scale: tuple[float, float] = (0.3, 1.0), *, strong: float = 0.1) -> Mixture:
    """Return the mixture of copies that are altered in one respect: the share ``strong`` in all.

    Where all photos are pages of one form a copy that is cut, turned and tilted at once is past
    recognition: its descriptor is as near to any other page (EXPERIMENTS.md).
    """
    parts = [((1 - strong) * share, recipe) for share, recipe in _single(scale)]
    return Mixture(((strong, copy_recipe(scale)), *parts))


def original_mixture(
    scale: tuple[float, float] = (0.3, 1.0), *, light: float, strong: float = 0.3
) -> Mixture:
    """Return the mixture of a copy's counterpart: hardly altered with the chance ``light``."""
    copies = copy_mixture(scale, strong=strong).parts
    return Mixture(((light, LIGHT), *(((1 - light) * share, recipe) for share, recipe in copies)))


def _single(scale: tuple[float, float]) -> list[tuple[float, Recipe]]:
    """Return (share, recipe) of copies of which one thing is altered, and the colours a little."""

    def shape(**changes: Any) -> Recipe:
        return replace(MILD, geometry=replace(WHOLE.geometry, ratio=1.1, **changes))

    def placed(**changes: float) -> Recipe:
        return replace(MILD, geometry=WHOLE.geometry, compose=ComposeOptions(**changes))

    one_way = _one_way((0.9, 1.0))
    return [
        (0.22, shape(scale=scale)),
        (0.10, shape(flip=0.6, quarter_turn=0.6)),
        (0.12, shape(small_rotation=0.7, any_rotation=0.3)),
        (0.12, shape(tilt=1.0)),
        (0.12, placed(frame=1.0)),
        (0.12, placed(screen=1.0)),
        (0.06, placed(collage=1.0)),
        (0.08, replace(one_way["covered"], geometry=WHOLE.geometry)),
        (0.06, replace(one_way["colour"], geometry=WHOLE.geometry)),
    ]


def _one_way(scale: tuple[float, float]) -> dict[str, Recipe]:
    """Return the recipes that alter the shape, the colours, the surroundings or the surface."""
    strong = copy_recipe(scale)
    shape = replace(strong.geometry, any_rotation=0.1, tilt=0.25)
    colour = replace(
        strong.colour, jitter=0.7, gray=0.35, sepia=0.35, cast=0.2, turned_hue=0.1, negative=0.05
    )
    surface = DegradeOptions(blur=0.35, blur_sigma=(0.5, 6.0), sharpen=0.15, noise=0.3, jpeg=0.5)
    covers = OverlayOptions(text=0.4, sticker=0.4, watermark=0.12)
    return {
        "shape": replace(MILD, geometry=shape),
        "colour": replace(LIGHT, colour=colour),
        "placed": replace(MILD, compose=PLACED),
        "covered": replace(MILD, overlay=covers, degrade=surface),
    }
