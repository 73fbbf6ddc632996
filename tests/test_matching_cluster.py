"""Groups without chains, and which photo of them to keep."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dupfind.config import DEFAULT_KEEP
from dupfind.errors import DupfindError
from dupfind.matching.cluster import QUORUM, Edges, Star, group
from dupfind.matching.keep import order, parse_rules
from dupfind.records import Photo


def edges(*pairs: tuple[int, int], container: dict[tuple[int, int], int] | None = None) -> Edges:
    contained = container or {}
    return Edges(
        np.array([min(pair) for pair in pairs], np.int64),
        np.array([max(pair) for pair in pairs], np.int64),
        np.full(len(pairs), 0.99),
        np.array([contained.get(pair, -1) for pair in pairs], np.int64),
        np.array([0.4 if pair in contained else 1.0 for pair in pairs]),
    )


def grouped(found: Edges, photos: int) -> list[set[int]]:
    return [set(star.members) for star in group(found, photos=photos, preference=np.arange(photos))]


def all_pairs(*rows: int) -> list[tuple[int, int]]:
    return [(a, b) for place, a in enumerate(rows) for b in rows[place + 1 :]]


def test_nothing_proven_gives_no_groups() -> None:
    assert grouped(edges(), 0) == []
    assert grouped(edges(), 5) == []


def test_copies_of_one_photo_are_one_group() -> None:
    assert grouped(edges(*all_pairs(0, 1, 2), (4, 5)), 6) == [{0, 1, 2}, {4, 5}]


def test_a_star_needs_no_pairs_among_its_points() -> None:
    stars = group(edges((2, 0), (2, 1), (2, 3)), photos=4, preference=np.arange(4))
    assert [set(star.members) for star in stars] == [{0, 1, 2, 3}]
    assert stars[0].centre == 2


@pytest.mark.parametrize("length", [4, 5, 9, 30])
def test_a_chain_is_no_group(length: int) -> None:
    links = [(row, row + 1) for row in range(length - 1)]
    found = grouped(edges(*links), length)
    assert max(len(members) for members in found) <= 3
    linked = {frozenset(link) for link in links}
    for members in found:
        assert any(
            all(frozenset((row, other)) in linked for other in members - {row}) for row in members
        )


def test_two_groups_with_one_pair_between_them_stay_two() -> None:
    found = grouped(edges(*all_pairs(0, 1, 2, 3), *all_pairs(4, 5, 6, 7), (3, 4)), 8)
    assert sorted(map(sorted, found)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_quorum_lets_in_who_is_not_proven_against_the_centre() -> None:
    # 5 is proven against two of the four others, 6 against one.
    found = grouped(edges(*all_pairs(0, 1, 2, 3), (5, 2), (5, 3), (6, 3)), 7)
    assert {0, 1, 2, 3, 5} in found
    assert all(6 not in members for members in found)


def random_edges(seed: int, photos: int, count: int, collages: int) -> Edges:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, photos, (2, count))
    pairs = np.unique(np.sort(np.column_stack([a, b])[a != b], axis=1), axis=0)
    container = np.full(len(pairs), -1)
    marked = rng.permutation(len(pairs))[:collages]
    container[marked] = pairs[marked, rng.integers(0, 2, len(marked))]
    probability, share = rng.uniform(0.9, 1, (2, len(pairs)))
    return Edges(pairs[:, 0], pairs[:, 1], probability, container, share)


@pytest.mark.parametrize("collages", [0, 12])
@pytest.mark.parametrize("seed", range(40))
def test_every_member_is_proven_and_no_photo_is_in_two_groups(seed: int, collages: int) -> None:
    found = random_edges(seed, 25, 10 + 3 * seed, collages)
    stars = group(found, photos=25, preference=np.random.default_rng(seed).permutation(25))
    members = [row for star in stars for row in star.members]
    assert len(members) == len(set(members))
    proven = set(zip(found.a.tolist(), found.b.tolist(), strict=True))
    contains = {
        (int(row), int(a) + int(b) - int(row))
        for a, b, row in zip(found.a, found.b, found.container, strict=True)
        if row >= 0
    }
    for star in stars:
        assert len(star.members) >= 2
        assert star.centre in star.members
        for row in set(star.members) - {star.centre}:
            others = [other for other in star.members if other != row]
            count = sum((min(row, other), max(row, other)) in proven for other in others)
            direct = (min(row, star.centre), max(row, star.centre)) in proven
            shown = any((row, other) in contains for other in others)
            assert direct or shown or count >= QUORUM * (len(others) - collages)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_the_pairs_does_not_matter(seed: int) -> None:
    found = random_edges(seed, 20, 45, 6)
    wanted = group(found, photos=20, preference=np.arange(20))
    order = np.random.default_rng(seed).permutation(len(found.a))
    mixed = Edges(*(column[order] for column in vars(found).values()))
    assert group(mixed, photos=20, preference=np.arange(20)) == wanted


def collage_of(collage: int, *parts: int) -> dict[tuple[int, int], int]:
    return {(part, collage): collage for part in parts}


def test_a_collage_never_brings_groups_together() -> None:
    pairs = [(0, 1), (2, 3), (4, 5)]
    contained = collage_of(6, 0, 1, 2, 3, 4, 5)
    stars = group(edges(*pairs, *contained, container=contained), photos=7, preference=np.arange(7))
    assert len(stars) == 3
    home = [star for star in stars if 6 in star.members]
    assert len(home) == 1
    assert home[0].bridges == (6,)
    assert all(star.bridges == () for star in stars if star is not home[0])


def test_a_photo_that_is_proven_by_what_frames_it_alone_is_in_their_group() -> None:
    # 3 is shown in 0, 1 and 2, which are proven against each other, and in no other way.
    contained = {(3, frame): frame for frame in (0, 1, 2)}
    found = grouped(edges(*all_pairs(0, 1, 2), *contained, container=contained), 4)
    assert found == [{0, 1, 2, 3}]


def test_frames_that_are_alike_are_in_the_group_of_the_photo_they_hold() -> None:
    contained = {(photo, frame): frame for photo in (0, 1, 2) for frame in (3, 4)}
    found = grouped(edges(*all_pairs(0, 1, 2), (3, 4), *contained, container=contained), 5)
    assert found == [{0, 1, 2, 3, 4}]


def test_a_picture_on_a_photo_that_has_a_group_joins_no_groups() -> None:
    contained = collage_of(1, 2, 3)  # photo 1 is an altered copy of 0, with 2 small on it
    found = edges((0, 1), (2, 3), *contained, container=contained)
    assert sorted(map(sorted, grouped(found, 4))) == [[0, 1], [2, 3]]
    contained = collage_of(0, 2)
    found = edges((0, 1), *contained, container=contained)
    assert grouped(found, 3) == [{0, 1, 2}]  # large as 2 is there, 0 may be a frame of it
    assert grouped(replace(found, share=np.array([1.0, 0.1])), 3) == [{0, 1}]


def test_a_frame_is_known_once_the_photos_it_holds_are_one_group() -> None:
    # At first 2 is alone, so that 3 seems to hold two photos; but 0 frames 2.
    contained = {(2, 0): 0, (0, 3): 3, (1, 3): 3, (2, 3): 3}
    found = grouped(edges((0, 1), *contained, container=contained), 4)
    assert found == [{0, 1, 2, 3}]


def test_copies_of_a_collage_stay_apart_from_photos_of_two_groups() -> None:
    contained = collage_of(4, 0, 1, 2, 3) | collage_of(5, 0, 1, 2, 3)
    stars = group(
        edges((0, 1), (2, 3), (4, 5), *contained, container=contained),
        photos=6,
        preference=np.arange(6),
    )
    assert sorted(sorted(star.members) for star in stars) == [[0, 1], [2, 3], [4, 5]]


def test_what_was_told_apart_is_in_no_group_with_it_be_it_a_collage() -> None:
    peers = [(0, 1), (0, 2), (1, 2)]
    framed = {(0, 5): 5, (1, 5): 5, (3, 5): 5, (4, 6): 6, (4, 7): 7}
    found = edges(*peers, *framed, container=framed)

    def groups(*apart: tuple[int, int]) -> list[set[int]]:
        stars = group(found, photos=8, preference=np.arange(8), apart=frozenset(apart))
        return [set(star.members) for star in stars]

    assert groups() == [{0, 1, 2, 5}, {4, 6, 7}]
    assert groups((1, 5)) == [{0, 1, 2}, {3, 5}, {4, 6, 7}]
    assert groups((1, 2)) == [{0, 1, 5}, {4, 6, 7}]
    assert groups((6, 7)) == [{0, 1, 2, 5}, {4, 6}]


def test_a_collage_of_single_photos_pairs_with_one() -> None:
    contained = collage_of(3, 0, 1, 2)
    stars = group(edges(*contained, container=contained), photos=4, preference=np.arange(4))
    assert len(stars) == 1
    assert stars[0].centre in (0, 1, 2)
    assert set(stars[0].members) == {stars[0].centre, 3}


def test_a_collage_of_single_photos_pairs_with_that_one_and_no_other() -> None:
    contained = collage_of(3, 0, 1, 2)
    (star,) = group(edges(*contained, container=contained), photos=4, preference=np.arange(4))
    assert star.centre in star.members
    assert star.members == (star.centre, 3)
    assert star.bridges == ()


def test_what_is_shown_largest_is_what_a_collage_pairs_with() -> None:
    contained = collage_of(3, 0, 1, 2)
    found = edges(*contained, container=contained)
    found.share[:] = [0.2, 0.5, 0.3]
    (star,) = group(found, photos=4, preference=np.arange(4))
    assert star == Star(1, (1, 3))


def test_of_collages_within_collages_no_photo_is_in_two_groups() -> None:
    # 0 shows 1 and 2 and is itself shown, with 4, in 3.
    contained = {(0, 1): 0, (0, 2): 0, (0, 3): 3, (3, 4): 3}
    stars = group(edges(*contained, container=contained), photos=5, preference=np.arange(5))
    members = [row for star in stars for row in star.members]
    assert sorted(members) == sorted(set(members))
    assert {0, 3} <= set(members)
    assert all(star.centre in star.members for star in stars)


def test_a_collage_in_a_collage_is_in_one_group() -> None:
    contained = {(0, 1): 1, (1, 2): 2}
    stars = group(edges(*contained, container=contained), photos=3, preference=np.arange(3))
    members = [row for star in stars for row in star.members]
    assert len(members) == len(set(members))


def test_copies_of_a_collage_are_a_group_of_their_own() -> None:
    contained = collage_of(4, 0, 1) | collage_of(5, 0, 1)
    stars = group(
        edges((0, 2), (1, 3), (4, 5), *contained, container=contained),
        photos=6,
        preference=np.arange(6),
    )
    assert sorted(sorted(star.members) for star in stars) == [[0, 2], [1, 3], [4, 5]]


def test_the_keep_rules_choose_the_centre() -> None:
    preference = np.array([3, 0, 2, 1])
    stars = group(edges(*all_pairs(0, 1, 2, 3)), photos=4, preference=preference)
    assert stars == [Star(1, (0, 1, 2, 3))]


def photo(number: int, **changed: object) -> Photo:
    values: dict[str, object] = {
        "path": Path(f"/photos/{number}.jpg"),
        "sha256": f"{number:064d}",
        "size_bytes": 1000,
        "mtime_ns": 10,
        "width": 100,
        "height": 50,
        "format": "JPEG",
    }
    return Photo(number, **(values | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "better", "worse"),
    [
        ("reference", {"is_reference": True}, {}),
        ("resolution", {"width": 220}, {"width": 199}),
        ("smallest-resolution", {"width": 199}, {"width": 220}),
        ("format", {"format": "DNG"}, {"format": "JPEG"}),
        ("format", {"format": "JPEG"}, {"format": "PNG"}),
        ("format", {"format": "GIF"}, {"format": "XBM"}),
        ("bytes", {"size_bytes": 1001}, {}),
        ("biggest", {"size_bytes": 1001}, {}),
        ("smallest", {"size_bytes": 999}, {}),
        ("exif", {"exif_tags": 3}, {"exif_tags": 2}),
        ("oldest", {"taken_at": "2019-01-01T10:00:00"}, {"taken_at": "2020-01-01T10:00:00"}),
        ("oldest", {"taken_at": "2020-01-01T10:00:00"}, {"taken_at": None}),
        ("oldest", {"mtime_ns": 9}, {}),
        ("newest", {"taken_at": "2020-01-01T10:00:00"}, {"taken_at": "2019-01-01T10:00:00"}),
        ("newest", {"taken_at": "2019-01-01T10:00:00"}, {"taken_at": None}),
        ("newest", {"mtime_ns": 11}, {}),
        ("path", {"path": Path("/z.jpg")}, {"path": Path("/a/b.jpg")}),
        ("name", {"path": Path("/b/a.jpg")}, {"path": Path("/a/a (1).jpg")}),
        ("folder:/best", {"path": Path("/best/deep/z.jpg")}, {"path": Path("/bestof/a.jpg")}),
    ],
)
def test_each_rule_prefers_the_better(
    rule: str, better: dict[str, object], worse: dict[str, object]
) -> None:
    one, other = photo(2, **better), photo(1, **worse)
    assert order([other, one], parse_rules(rule))[0] is one
    assert order([one, other], parse_rules(rule))[0] is one


def test_rules_stack_and_the_path_settles_the_rest() -> None:
    large_old = photo(1, width=200, taken_at="2001-01-01T00:00:00", size_bytes=5)
    large_new = photo(2, width=200, taken_at="2002-01-01T00:00:00", size_bytes=9)
    small = photo(3, taken_at="1999-01-01T00:00:00", size_bytes=99)
    photos = [small, large_new, large_old]
    assert order(photos, parse_rules("resolution,oldest")) == [large_old, large_new, small]
    assert order(photos, parse_rules(" resolution , newest ")) == [large_new, large_old, small]
    assert order(photos, parse_rules("bytes")) == [small, large_new, large_old]
    assert order([photo(9), photo(3)], parse_rules(""))[0].id == 3


def test_the_default_rules_prefer_a_reference_then_size_then_format() -> None:
    reference, large = photo(5, is_reference=True, width=10), photo(6, width=300, format="PNG")
    camera = photo(7, width=300)
    assert order([camera, large, reference], parse_rules(DEFAULT_KEEP)) == [
        reference,
        camera,
        large,
    ]


@pytest.mark.parametrize("text", ["largest", "reference,bites", "folder", "resolution,,Bytes"])
def test_a_wrong_rule_is_one_clear_error(text: str) -> None:
    with pytest.raises(
        DupfindError, match=r"no keep rule '\w+'; choose from reference, original, resolution"
    ):
        parse_rules(text)
