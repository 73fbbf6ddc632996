"""Where collages and animations stand in groups: never kept for a photo that they show, nor given up."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from cluster_helpers import cluster_album, save_album, stems
from matching_helpers import photo
from PIL import Image
from test_adversarial import recoded
from test_matching_cluster import collage_of, edges

from dupfind import Library
from dupfind.copies.originals import Laid
from dupfind.matching.cluster import Star, is_page, shown_by
from dupfind.matching.cluster import group as form_groups
from dupfind.matching.recentre import recentred, with_late
from dupfind.options import IndexOptions, ReportFormat, ReportOptions
from dupfind.records import Advice, Group, Member, Reason

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "coins.png")
COLLAGES = {"collage", "collage-again"}


@pytest.fixture(scope="module")
def collages(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Library:
    """Four photos with a copy each, and a collage of all four in two files of the same bytes."""
    folder = tmp_path_factory.mktemp("collages")
    tiles = [cv2.resize(photo(name), (300, 220)) for name in PHOTOS]
    pictures = {"collage": np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])}
    save_album(folder / "album", pictures)
    shutil.copy(folder / "album" / "collage.jpg", folder / "album" / "collage-again.jpg")
    singles = {name.split(".")[0]: photo(name) for name in PHOTOS}
    copies = {f"{stem}-copy": recoded(pixels) for stem, pixels in singles.items()}
    return cluster_album(folder, singles | copies, small_model)[0]


def home_of(library: Library) -> Group:
    (home,) = (group for group in library.groups() if stems(library, group) & COLLAGES)
    return home


def by_stem(library: Library, group: Group) -> dict[str, Member]:
    names = {one.id: one.path.stem for one in library.photos()}
    return {names[member.photo_id]: member for member in group.members}


def test_a_collage_is_in_one_group_and_not_what_is_kept(collages: Library) -> None:
    assert len(collages.groups()) == len(PHOTOS)
    found = by_stem(collages, home_of(collages))

    assert set(found) >= COLLAGES
    assert not any(found[name].keep for name in COLLAGES)


def test_a_second_file_of_a_collage_may_go_and_the_first_may_not(collages: Library) -> None:
    found = by_stem(collages, home_of(collages))
    advice = {found[name].advice: found[name].reasons for name in COLLAGES}

    assert set(advice) == {Advice.LOOK, Advice.REMOVE}
    assert advice[Advice.REMOVE] == (Reason.SAME_BYTES,)
    assert Reason.COMPOSITE in advice[Advice.LOOK]


def test_the_other_groups_name_the_collage_in_every_report(collages: Library) -> None:
    home = home_of(collages)
    paths = {one.id: one.path for one in collages.photos()}
    others = [group for group in collages.groups() if group.id != home.id]

    assert others
    for group in others:
        assert [paths[one].stem for one in group.also_in] in ([name] for name in sorted(COLLAGES))
    data = json.loads(written(collages, "json"))
    assert sum(bool(group["also_in"]) for group in data["groups"]) == len(others)
    assert written(collages, "csv").count("collage") >= len(others)
    assert written(collages, "terminal").count("Also appears in") == len(others)
    assert "alsoIn" in written(collages, "html")
    with collages.store() as store:
        rows = store.db.query("SELECT also_in FROM duplicate_groups WHERE also_in != '[]'")
        assert len(list(rows)) == len(others)


def test_an_animation_is_never_given_up_for_a_still_of_it(
    tmp_path: Path, small_model: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    title, *rest = (Image.fromarray(photo(name)).resize((320, 240)) for name in PHOTOS)
    for name, frames in (("waves", rest[:2]), ("birthday", rest[2:])):
        title.save(album / f"{name}.gif", save_all=True, append_images=frames, duration=300)
    with Image.open(album / "waves.gif") as first:
        first.convert("RGB").save(album / "still.png")
    with Library(tmp_path / ".dupfind", device="cpu") as library:
        library.index([album], IndexOptions(model=str(small_model), device="cpu"))
        library.cluster()
        groups = library.groups()
        assert groups
        for group in groups:
            found = by_stem(library, group)
            gone = {name for name, member in found.items() if member.advice is Advice.REMOVE}
            assert gone <= {"still"}


def written(library: Library, kind: str) -> str:
    path = library.paths.root / f"report.{kind}"
    library.report(path, ReportOptions(format=ReportFormat(kind), limit=0))
    return path.read_text(encoding="utf-8")


STAR = Star(0, (0, 1, 2, 3))


def test_a_group_is_put_around_the_best_that_most_are_proven_against() -> None:
    proven = edges((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

    assert recentred(STAR, proven, [2, 1, 0, 3]) == Star(2, (0, 1, 2, 3))


def test_a_group_stays_around_its_centre_where_the_best_is_proven_against_too_few() -> None:
    proven = edges((0, 1), (0, 2), (0, 3))

    assert recentred(STAR, proven, [3, 1, 2, 0]) == STAR


def test_a_member_with_two_fifths_does_not_cost_the_group_its_original() -> None:
    """Of ten, 7 to 9 are proven against 0 and three more, and not against 1, the best."""
    pairs = [(a, b) for b in range(7) for a in range(b)]
    star = Star(0, tuple(range(10)))
    best_first = [1, 0, *range(2, 10)]
    few = [(a, b) for b in range(7, 10) for a in (0, 2, 3)]
    enough = [*few, *((4, b) for b in range(7, 10))]

    assert recentred(star, edges(*pairs, *enough), best_first) == Star(1, star.members)
    assert recentred(star, edges(*pairs, *few), best_first).centre == 0


def test_two_witnesses_that_are_proven_against_the_original_vouch_for_a_member() -> None:
    """Of ten, 9 shows 0 and 2 with something over them, and is not proven against 1, the best."""
    pairs = [(a, b) for b in range(9) for a in range(b)]
    star = Star(0, tuple(range(10)))
    best_first = [1, 0, *range(2, 10)]

    assert recentred(star, edges(*pairs, (0, 9), (2, 9)), best_first) == Star(1, star.members)
    unknown = [pair for pair in pairs if pair != (1, 8)]
    assert recentred(star, edges(*unknown, (0, 9), (8, 9)), best_first).centre == 0


def test_what_is_proven_against_an_altered_copy_alone_does_not_cost_the_group_its_original() -> (
    None
):
    """0 and 6 have the same sticker, 1 is the original of 0 and of the others."""
    pairs = [(a, b) for b in range(6) for a in range(b)]
    star = Star(0, tuple(range(7)))
    best_first = [1, *range(2, 6), 0, 6]

    assert recentred(star, edges(*pairs, (0, 6)), best_first) == Star(1, tuple(range(6)))
    small = Star(0, (0, 1, 2, 6))
    assert recentred(small, edges((0, 1), (0, 2), (1, 2), (0, 6)), [1, 2, 0, 6]) == small


def test_a_photo_of_no_group_that_is_proven_against_what_is_kept_joins_it() -> None:
    proven = edges((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (5, 6), (3, 5))
    stars = [Star(1, (0, 1, 2)), Star(5, (5, 6))]

    assert with_late(stars, proven) == [Star(1, (0, 1, 2, 3)), Star(5, (5, 6))]
    assert with_late(stars, proven, frozenset({(2, 3)})) == [stars[0], Star(5, (5, 6, 3))]


def test_what_holds_photos_of_several_groups_is_never_the_centre() -> None:
    proven = edges((0, 1), (0, 2), (1, 2), *collage_of(3, 0, 1, 2))
    star = Star(0, (0, 1, 2, 3), bridges=(3,))

    assert recentred(star, proven, [3, 1, 0, 2]).centre == 1


@pytest.mark.parametrize(
    ("holds", "last"),
    [
        ({(0, 2): 1, (1, 2): 1}, [2]),
        ({(0, 2): 1, (1, 2): -1}, [1]),  # 2 holds one of its two only
        ({(0, 1): -1}, [0]),
        ({}, []),
    ],
)
def test_what_holds_most_of_the_others_comes_last(
    holds: dict[tuple[int, int], int], last: list[int]
) -> None:
    laid = Laid([10, 11, 12], 0, [np.eye(3)] * 3, holds, {})

    assert laid.last == last


@pytest.mark.parametrize("best", [0, 1, 2])
def test_a_page_is_not_kept_in_place_of_what_it_shows(best: int) -> None:
    """However well it does by the rules of taste: 0 shows 1, of which 2 is a copy, on half of it."""
    holds = {(0, 1): 0, (0, 2): 0}
    preference = np.array([1, 1, 1])
    preference[best] = 0
    (star,) = form_groups(edges((1, 2), *holds, container=holds), photos=3, preference=preference)

    assert star.members == (0, 1, 2)
    assert star.centre == (best or 1)


def test_who_only_a_page_joins_to_what_is_kept_leaves() -> None:
    """Photo 0 shows 1, and 3 is a copy of 0 that shows it no more; 2 is a copy of 1."""
    holds = {(0, 1): 0, (0, 2): 0}
    proven = edges((1, 2), (0, 3), *holds, container=holds)
    stars = form_groups(proven, photos=4, preference=np.arange(4))

    assert all(star.centre != 0 or star.members == (0, 3) for star in stars)
    assert not any({1, 3} <= set(star.members) for star in stars)


def test_a_group_is_never_put_around_a_page() -> None:
    # 1, 2 and 3 are shown small on 0; 2 and 3 are copies.
    proven = edges((0, 1), (0, 2), (0, 3), (2, 3), container={(0, 2): 0, (0, 3): 0, (0, 1): 0})
    proven.share[:3] = 0.2
    neighbours = {
        0: {1: 0.9, 2: 0.9, 3: 0.9},
        1: {0: 0.9},
        2: {0: 0.9, 3: 0.9},
        3: {0: 0.9, 2: 0.9},
    }

    assert is_page(0, {0, 1, 2, 3}, neighbours, shown_by(proven))
    assert not is_page(2, {0, 1, 2, 3}, neighbours, shown_by(proven))
    star = Star(2, (0, 1, 2, 3))
    assert recentred(star, proven, [0, 2, 3, 1]).centre == 2


@pytest.mark.parametrize(
    ("share", "parts", "expected"),
    [(0.1, [1], True), (0.5, [1], False), (0.5, [1, 2], True), (0.1, [], False), (0.1, [7], False)],
)
def test_a_page_shows_one_small_or_most_of_its_partners(
    share: float, parts: list[int], *, expected: bool
) -> None:
    neighbours = {0: {1: 0.9, 2: 0.9, 3: 0.9}}

    assert is_page(0, {0, 1, 2, 3}, neighbours, {0: dict.fromkeys(parts, share)}) is expected
