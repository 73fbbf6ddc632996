"""Look-alikes: two of a kind look alike, and each shows what the other does not."""

import itertools

import numpy as np
import pytest
from conftest import picture
from numpy.typing import NDArray
from scipy import ndimage

from dupfind.photos.lookalikes import (
    LOOKALIKES,
    make_lookalike,
    make_pair,
    make_series,
    names_of,
)
from dupfind.photos.lookalikes.kind import seen_difference

Pixels = NDArray[np.uint8]

OTHERS = [picture(seed, (150, 120)) for seed in range(50, 54)]
SOFT = {"clouds", "gradient"}  # they have hardly an edge
WRITING = ("other_words", "other_letters")


def ground(name: str, seed: int = 1) -> Pixels | None:
    """A picture for a kind to start from: a page for writing, a scene for the rest."""
    if LOOKALIKES[name].family == "made":
        return None
    if name in WRITING:
        pages = make_series("invoice", np.random.default_rng(seed), 1)
        assert pages is not None
        return pages[0]
    return picture(seed, (220, 160))


def pair(name: str, seed: int = 1, *, saved: bool = False) -> tuple[Pixels, Pixels]:
    made = make_pair(
        name, np.random.default_rng(seed), ground(name, seed), other=OTHERS, saved=saved
    )
    assert made is not None
    return made


def test_there_are_many_kinds_of_every_family() -> None:
    assert len(names_of("photo")) >= 7
    assert len(names_of("template")) >= 6
    assert len(names_of("made")) >= 9
    assert len(LOOKALIKES) == sum(len(names_of(each)) for each in ("photo", "template", "made"))


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_pair_are_two_pictures_and_the_given_one_stays_as_it_is(name: str) -> None:
    start = ground(name)
    before = None if start is None else start.copy()
    made = make_pair(name, np.random.default_rng(1), start, other=OTHERS)
    assert made is not None
    for pixels in made:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
    if start is not None:
        assert before is not None
        assert np.array_equal(start, before)
    if LOOKALIKES[name].family == "photo":
        assert made[0] is start


@pytest.mark.parametrize("name", LOOKALIKES)
def test_the_same_chance_gives_the_same_pair(name: str) -> None:
    first, again, other = pair(name, 3, saved=True), pair(name, 3, saved=True), pair(name, 4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_person_sees_the_difference(name: str) -> None:
    for seed in range(2):
        a, b = pair(name, seed)
        assert a.shape != b.shape or seen_difference(a, b, share=0)


@pytest.mark.parametrize("name", sorted({*names_of("made")} - SOFT))
def test_each_side_has_marks_that_the_other_lacks(name: str) -> None:
    for seed in range(2):
        a, b = (marks(pixels) for pixels in pair(name, seed))
        # What a slide shows goes on being shown as it builds up, in another colour.
        assert name == "slide_build" or only(a, b) >= 12, seed
        assert only(b, a) >= 12, seed


def marks(pixels: Pixels) -> NDArray[np.bool_]:
    """Where a picture has an edge of any colour."""
    steps = [np.hypot(*np.gradient(pixels[..., channel].astype(float))) for channel in range(3)]
    strong: NDArray[np.bool_] = np.max(steps, axis=0) > 12
    return strong


def only(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> int:
    """How many marks of ``a`` have none of ``b`` within two pixels."""
    return int((a & ~ndimage.maximum_filter(b, 5)).sum())


@pytest.mark.parametrize("name", [name for name in LOOKALIKES if LOOKALIKES[name].longest > 5])
def test_no_two_pictures_of_a_series_are_the_same(name: str) -> None:
    series = make_series(name, np.random.default_rng(5), 4, ground(name), other=OTHERS)
    assert series is not None
    assert len(series) == 4
    for a, b in itertools.combinations(series, 2):
        assert a.shape != b.shape or seen_difference(a, b, share=0)


@pytest.mark.parametrize("name", names_of("photo"))
def test_most_of_the_picture_stays(name: str) -> None:
    a, b = pair(name)
    if a.shape == b.shape:
        same = np.abs(a.astype(int) - b).max(axis=2) < 40
        assert same.mean() > 0.6


@pytest.mark.parametrize("name", [*names_of("photo"), *names_of("template")])
def test_small_and_empty_pictures_are_left_or_taken_but_never_a_failure(name: str) -> None:
    for size in ((1, 1), (16, 300), (300, 16), (49, 49)):
        for others in ((), OTHERS):
            made = make_pair(name, np.random.default_rng(2), picture(0, size), other=others)
            assert made is None or min(made[1].shape[:2]) >= 1
    blank = np.full((90, 120, 3), 128, np.uint8)
    if LOOKALIKES[name].family == "photo":
        assert make_lookalike(name, blank, np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["invoice", "form", "table", "settings"])
def test_a_subtle_pair_differs_in_fewer_places_and_a_person_still_sees_it(name: str) -> None:
    shares = []
    for subtle in (False, True):
        made = make_pair(name, np.random.default_rng(4), saved=False, subtle=subtle)
        assert made is not None
        assert seen_difference(*made, share=0)
        shares.append((np.abs(made[0].astype(int) - made[1]).max(axis=2) > 28).mean())
    assert 0 < shares[1] < 0.6 * shares[0]


def test_a_wrong_use_is_told() -> None:
    rng, pixels = np.random.default_rng(0), picture(0, (90, 70))
    with pytest.raises(ValueError, match="use make_pair"):
        make_lookalike("invoice", pixels, rng)
    with pytest.raises(ValueError, match="starts from a picture"):
        make_pair("moved_thing", rng)
    with pytest.raises(ValueError, match="3 pictures"):
        make_series("pan", rng, 4, pixels)
    with pytest.raises(KeyError):
        make_pair("none of them", rng)


def test_a_look_alike_is_saved_as_copies_are() -> None:
    """Cut or shrunk now and then: no size and no encoding tells look-alikes from copies."""
    start = picture(1, (220, 160))
    shapes = set()
    for seed in range(12):
        made = make_lookalike("moved_thing", start, np.random.default_rng(seed))
        assert made is not None
        shapes.add(made.shape)
    assert start.shape in shapes
    assert len(shapes) >= 4
