"""Groups of a library in numbers: the lowest similarity, quorums, frames, levels, many same files."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of, save_album
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image, ImageOps

from dupfind import Library
from dupfind.copies.contents import Contents
from dupfind.copies.grouping import Scored, make_groups
from dupfind.evidence import Evidence
from dupfind.matching.calibrate import SIGNALS
from dupfind.matching.features import empty_features
from dupfind.matching.keep import parse_rules
from dupfind.matching.proven import Proven
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.records import Group, Level, Photo, Relation
from dupfind.store.models import StoredModel

RULES = parse_rules("resolution,path")


def row(number: int) -> Photo:
    side = 100 - number  # the first is the largest, and so the centre
    return Photo(
        number, Path(f"/no/{number}.jpg"), f"{number:064}", 10, 1, side, side, "JPEG", None, 0, ""
    )


def unit(*degrees: float) -> NDArray[np.float16]:
    turns = np.radians(degrees)
    return np.column_stack([np.cos(turns), np.sin(turns)]).astype(np.float16)


def made(
    vectors: NDArray[np.float16],
    pairs: dict[tuple[int, int], float],
    level: Level = Level.COPY,
    inliers: int = 0,
) -> list[Group]:
    """Group photos that are nowhere: rows by number, proven pairs with their probability."""
    photos = [[row(number)] for number in range(len(vectors))]
    contents = Contents(StoredModel(1, "m", "f", {}, 2), photos, vectors)
    evidence = Evidence("homography", inliers)
    proven = [Proven(a, b, Relation.REENCODED, evidence, np.zeros(len(SIGNALS))) for a, b in pairs]
    cosines = np.array([float(vectors[a].astype(float) @ vectors[b]) for a, b in pairs])
    scored = Scored(proven, np.array(list(pairs.values())), cosines, 0.8)
    prover: Any = SimpleNamespace(source=[empty_features()] * len(vectors), kept=None)
    return list(make_groups(scored, contents, prover, level, RULES))


def numbers(groups: list[Group]) -> list[list[int]]:
    return [[member.photo_id for member in group.members] for group in groups]


def test_a_group_reports_the_lowest_similarity_of_any_two() -> None:
    (two,) = made(unit(0, 60), {(0, 1): 0.9})
    assert two.lowest_similarity == pytest.approx(0.5, abs=1e-3)
    assert two.members[1].similarity == pytest.approx(0.5, abs=1e-3)
    # The lowest is that of 1 and 2, which are no proven pair.
    (three,) = made(unit(0, 40, -30), {(0, 1): 0.9, (0, 2): 0.95})
    assert three.lowest_similarity == pytest.approx(np.cos(np.radians(70)), abs=1e-3)
    assert numbers([three]) == [[0, 2, 1]]


def test_no_similarity_is_above_1_however_vectors_are_rounded() -> None:
    longer = np.array([[0.70751953125, 0.70751953125]] * 2, np.float16)
    assert float(longer[0].astype(np.float32) @ longer[1].astype(np.float32)) > 1
    (group,) = made(longer, {(0, 1): 0.9})
    assert group.lowest_similarity == 1.0
    assert [member.similarity for member in group.members] == [1.0, 1.0]


def test_a_member_by_quorum_is_named_as_one() -> None:
    square = {(a, b): 0.9 for a in range(4) for b in range(a + 1, 4)}
    (group,) = made(unit(0, 5, 10, 15, 30), square | {(2, 4): 0.9, (3, 4): 0.9})
    assert sorted(numbers([group])[0]) == [0, 1, 2, 3, 4]
    last = next(member for member in group.members if member.photo_id == 4)
    assert last.evidence.method == "quorum"
    assert (last.relation, last.probability) == (Relation.SIMILAR, 0.8)
    assert last.similarity == pytest.approx(np.cos(np.radians(30)), abs=1e-3)


@pytest.mark.parametrize(("inliers", "grouped"), [(14, []), (15, [[0, 1]])])
def test_the_level_similar_joins_what_aligns(inliers: int, grouped: list[list[int]]) -> None:
    # Among forty unrelated photos, so that the similarity of the two is nothing special.
    vectors = np.concatenate([unit(0, 9), unit(*np.linspace(0, 350, 40))])
    assert made(vectors, {(0, 1): 0.3}, Level.COPY, inliers) == []
    found = made(vectors, {(0, 1): 0.3}, Level.SIMILAR, inliers)
    assert numbers(found) == grouped
    for group in found:  # no copy, and so nothing that may go
        assert group.members[1].relation is Relation.SIMILAR
        assert group.members[1].probability == 0.3


def test_the_level_similar_joins_what_is_nearer_than_unrelated_photos_ever_are() -> None:
    vectors = np.random.default_rng(3).normal(size=(400, 16))
    vectors[1] = vectors[0] + 0.05 * vectors[2]
    near = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    assert numbers(made(near, {(0, 1): 0.1}, Level.SIMILAR)) == [[0, 1]]
    assert made(near, {(0, 1): 0.1}, Level.COPY) == []
    assert made(near, {(0, 2): 0.1}, Level.SIMILAR) == []


@pytest.mark.parametrize(("scale", "kept"), [(1.0, "plain"), (2.5, "framed")])
def test_a_frame_counts_for_no_resolution(
    tmp_path: Path, small_model: Path, scale: float, kept: str
) -> None:
    plain = photo("coffee.png", 360)
    shown = Image.fromarray(plain).resize((round(360 * scale), round(len(plain) * scale)))
    framed = np.asarray(ImageOps.expand(shown, round(50 * scale), "white"))
    pictures = {"plain.png": plain, "framed.png": framed, "other.png": photo("chelsea.png", 360)}
    options = ClusterOptions(keep="resolution,path")
    library, _ = cluster_album(tmp_path, pictures, small_model, options)
    assert groups_of(library) == [{"plain", "framed"}]
    (group,) = library.groups()
    names = {found.id: found.path.stem for found in library.photos()}
    assert names[group.keep.photo_id] == kept


@pytest.mark.parametrize(("files", "pairs"), [(28, 28 * 27 // 2), (29, 28)])
def test_of_many_same_files_only_the_pairs_with_one_are_listed(
    tmp_path: Path, small_model: Path, files: int, pairs: int
) -> None:
    save_album(tmp_path / "album", {"0": photo("coffee.png", 120)})
    for number in range(1, files):
        shutil.copy(tmp_path / "album" / "0.jpg", tmp_path / "album" / f"{number}.jpg")
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([tmp_path / "album"], IndexOptions(model=str(small_model)))
    library.cluster(ClusterOptions(level=Level.EXACT))
    found = library.pairs()
    assert len(found) == pairs
    assert {pair.relation for pair in found} == {Relation.IDENTICAL}
    assert len(library.groups()[0].members) == files
