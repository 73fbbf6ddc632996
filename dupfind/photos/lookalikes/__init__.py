"""Look-alikes: pictures that nearly everything about them calls copies, and that are none.

In:  uint8 pixels (or nothing) and a random generator. Out: another picture, known by construction
to show what the first one does not, and the other way round. For calibration, training, tests.
No assets are used: writing is set in Pillow's own type, all else is drawn or comes from the caller.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes import marks, scenes, writing
from dupfind.photos.lookalikes.kind import (
    LookAlike,
    Scene,
    of_nothing,
    saved_again,
)
from dupfind.photos.lookalikes.layouts import LAYOUTS, LONGEST

__all__ = ["LOOKALIKES", "LookAlike", "make_lookalike", "make_pair", "make_series", "names_of"]

TRIES = 6
EMPTY: Pixels = np.zeros((1, 1, 3), np.uint8)


def names_of(family: str) -> list[str]:
    """Return the names of one family, ``photo``, ``template`` or ``made``, in a fixed order."""
    return [name for name, kind in LOOKALIKES.items() if kind.family == family]


def make_lookalike(
    name: str,
    pixels: Pixels,
    generator: np.random.Generator,
    *,
    other: Sequence[Pixels] = (),
    saved: bool = True,
) -> Pixels | None:
    """Make another picture of a given one that a person would not call its copy.

    Args:
        name: One of ``names_of("photo")``.
        pixels: The picture, uint8 of shape (height, width, 3); it stays as it is.
        generator: Decides everything; the same state gives the same look-alike.
        other: Further pictures, for things to put in.
        saved: Cut, shrink and save the result as copies are.

    Returns:
        The look-alike, uint8 of shape (height, width, 3), or None where the picture has nothing
        that this kind could change (no writing, no thing, too small).

    Raises:
        KeyError: There is no look-alike of that name.
        ValueError: The kind does not start from a picture; ``make_pair`` makes it.
    """
    kind = LOOKALIKES[name]
    if kind.family != "photo":
        raise ValueError(f"{name} is no look-alike of a given picture; use make_pair")
    scene = kind.sketch(pixels, generator, other)
    shown = None if scene is None else _shot(scene, generator, 1)
    return saved_again(shown, generator) if saved and shown is not None else shown


def make_pair(
    name: str,
    generator: np.random.Generator,
    pixels: Pixels | None = None,
    *,
    other: Sequence[Pixels] = (),
    saved: bool = True,
) -> tuple[Pixels, Pixels] | None:
    """Make two look-alikes of each other, of any kind; only the second is cut, shrunk and saved.

    Args:
        name: One of ``LOOKALIKES``.
        generator: Decides everything; the same state gives the same pair.
        pixels: The picture that kinds of the families ``photo`` and ``template`` start from; of
            ``photo`` it is the first of the pair, of ``template`` the ground of both.
        other: Further pictures, for things to put in.
        saved: Cut, shrink and save the second as copies are.

    Returns:
        Two pictures, or None where ``pixels`` has nothing that this kind could change.

    Raises:
        KeyError: There is no look-alike of that name.
        ValueError: The kind needs a picture and there is none.
    """
    series = make_series(name, generator, 2, pixels, other=other)
    if series is None:
        return None
    first, second = series
    return first, saved_again(second, generator) if saved else second


def make_series(
    name: str,
    generator: np.random.Generator,
    count: int,
    pixels: Pixels | None = None,
    *,
    other: Sequence[Pixels] = (),
) -> list[Pixels] | None:
    """Make pictures of one scene or layout, no two of them copies; see ``make_pair``.

    Raises:
        KeyError: There is no look-alike of that name.
        ValueError: The kind needs a picture and there is none, or has not so many pictures.
    """
    kind = LOOKALIKES[name]
    if pixels is None and kind.family != "made":
        raise ValueError(f"{name} starts from a picture; give one")
    if count > kind.longest:
        raise ValueError(f"{name} has {kind.longest} pictures of one scene, not {count}")
    scene = kind.sketch(EMPTY if pixels is None else pixels, generator, other)
    if scene is None:
        return None
    first = [pixels] if kind.family == "photo" and pixels is not None else []
    shots = [_shot(scene, generator, number) for number in range(len(first), count)]
    shown = [shot for shot in shots if shot is not None]
    return [*first, *shown] if len(shown) == len(shots) else None


def _shot(scene: Scene, rng: np.random.Generator, number: int) -> Pixels | None:
    """Shoot a scene until something is seen to differ, or give up."""
    for _ in range(TRIES):
        shown = scene(rng, number)
        if shown is not None:
            return shown
    return None


_PHOTO = [
    LookAlike("other_words", "photo", writing.other_words),
    LookAlike("other_letters", "photo", writing.other_letters),
    LookAlike("moved_thing", "photo", scenes.moved_thing),
    LookAlike("turned_thing", "photo", scenes.turned_thing),
    LookAlike("part_changed", "photo", scenes.part_changed),
    LookAlike("near_view", "photo", scenes.near_view),
    LookAlike("next_frame", "photo", scenes.next_frame),
]
_TEMPLATE = [
    LookAlike("replaced_thing", "template", scenes.replaced_thing, 2),
    LookAlike("other_print", "template", scenes.other_print, 2),
    LookAlike("fixed_camera", "template", scenes.fixed_camera, 2),
    LookAlike("captions", "template", writing.captions),
    LookAlike("repeated", "template", scenes.repeated, 2),
    LookAlike("shared_mark", "template", marks.shared_mark, 2, 2),
    LookAlike("pan", "template", scenes.pan, 0, 3),
]
_MADE = [
    LookAlike(name, "made", of_nothing(layout), longest=LONGEST.get(name, 1000))
    for name, layout in LAYOUTS.items()
]

LOOKALIKES: Mapping[str, LookAlike] = MappingProxyType(
    {kind.name: kind for kind in (*_PHOTO, *_TEMPLATE, *_MADE)}
)
