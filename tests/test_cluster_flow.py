"""Cluster a made album through the Python API and the command line, again and again."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from cluster_helpers import cluster_album, groups_of, save_album
from matching_helpers import FILLERS, edited, photo

from dupfind import Library
from dupfind.cli import cli
from dupfind.copies.features import FeatureSource
from dupfind.errors import DupfindError, LibraryError
from dupfind.matching.calibrate import shipped_calibration
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.photos.scan import file_sha256
from dupfind.records import Level, Photo
from dupfind.store.cache import BlobCache

WORDS = [sys.executable, "-c", "from dupfind.cli import main; main()"]


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """The folder of an album and its library: two families, one double and some single photos."""
    folder = tmp_path_factory.mktemp("cluster")
    pictures = {"astronaut": photo("astronaut.png"), "chelsea": photo("chelsea.png")}
    pictures |= {
        "astronaut-crop": edited("astronaut.png", "crop_70").pixels,
        "astronaut-flip": edited("astronaut.png", "flip").pixels,
        "chelsea-grey": edited("chelsea.png", "grey").pixels,
    }
    pictures |= {name.split(".")[0]: photo(name) for name in FILLERS}
    save_album(folder / "album", {"pixels.png": photo("chelsea.png")})
    save_album(folder / "album", {"pixels-again.bmp": photo("chelsea.png")})
    save_album(folder / "album" / "double", {"moon": photo("moon.png")})
    cluster_album(folder, pictures, small_model, ClusterOptions(keep="name"))
    return folder


@pytest.fixture
def folder(clustered: Path, tmp_path: Path) -> Path:
    """A copy of the album and its library, to spoil; the paths in it are those of the first."""
    place = tmp_path / "copy"
    shutil.copytree(clustered, place)
    return place


@pytest.fixture
def library(folder: Path) -> Library:
    return Library(folder / ".dupfind", device="cpu")


FAMILIES = [
    {"astronaut", "astronaut-crop", "astronaut-flip"},
    {"chelsea", "chelsea-grey", "pixels", "pixels-again"},
    {"moon"},
]


def sorted_groups(library: Library) -> list[list[str]]:
    return sorted(sorted(group) for group in groups_of(library))


def test_families_are_grouped_and_named(library: Library) -> None:
    assert sorted_groups(library) == sorted(sorted(family) for family in FAMILIES)
    names = {one.id: one.path.stem for one in library.photos()}
    relations = {
        names[member.photo_id]: str(member.relation)
        for group in library.groups()
        for member in group.members
        if not member.keep and names[member.photo_id] != "moon"
    }
    assert relations["astronaut-crop"] == "cropped"
    assert relations["astronaut-flip"] == "mirrored"
    assert relations["chelsea-grey"] == "recoloured"
    assert "same-pixels" in {relations.get("pixels"), relations.get("pixels-again")}
    for group in library.groups():
        assert group.members[0].keep
        assert not any(member.keep for member in group.members[1:])
        assert group.lowest_similarity <= 1


def test_pairs_are_recorded_best_first(library: Library) -> None:
    pairs = library.pairs()
    probability = [pair.probability for pair in pairs]
    assert probability == sorted(probability, reverse=True)
    assert all(pair.photo_a < pair.photo_b for pair in pairs)
    assert len({(pair.photo_a, pair.photo_b) for pair in pairs}) == len(pairs)
    assert any(pair.relation == "similar" and pair.probability < 0.5 for pair in pairs)
    assert {"identical", "same-pixels", "cropped"} <= {str(pair.relation) for pair in pairs}


def test_a_second_run_has_the_same_result(library: Library) -> None:
    before = (library.groups(), library.pairs())
    library.cluster(ClusterOptions(keep="name"))
    assert (library.groups(), library.pairs()) == before


def test_the_level_says_what_joins(library: Library) -> None:
    library.cluster(ClusterOptions(level=Level.EXACT))
    assert sorted_groups(library) == [["moon"], ["pixels", "pixels-again"]]
    summary = library.cluster(ClusterOptions(level=Level.SIMILAR))
    assert summary.grouped_photos >= 9


def test_a_threshold_is_taken_at_its_word(library: Library) -> None:
    summary = library.cluster(ClusterOptions(threshold=1.0))
    assert summary.cut == 1.0
    assert sorted_groups(library) == [["moon"], ["pixels", "pixels-again"]]
    assert library.cluster(ClusterOptions(threshold=0.9)).groups == 3


def test_the_keep_rules_are_obeyed(library: Library) -> None:
    names = {one.id: one.path.name for one in library.photos()}
    library.cluster(ClusterOptions(keep="smallest-resolution"))
    assert "astronaut-crop.jpg" in {names[group.keep.photo_id] for group in library.groups()}
    library.cluster(ClusterOptions(keep="biggest"))
    assert "pixels-again.bmp" in {names[group.keep.photo_id] for group in library.groups()}
    before = library.groups()
    with pytest.raises(DupfindError, match="no keep rule 'best'"):
        library.cluster(ClusterOptions(keep="best"))
    assert library.groups() == before


def own_album(tmp_path: Path, small_model: Path) -> Library:
    pictures = {"a": photo("astronaut.png"), "b": photo("astronaut.png", 300)}
    pictures |= {"c": photo("chelsea.png"), "d": edited("chelsea.png", "crop_70").pixels}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    assert sorted_groups(library) == [["a", "b"], ["c", "d"]]
    return library


def test_a_deleted_photo_leaves_its_group(tmp_path: Path, small_model: Path) -> None:
    library = own_album(tmp_path, small_model)
    (tmp_path / "album" / "b.jpg").unlink()
    library.index([tmp_path / "album"])
    assert sorted_groups(library) == [["c", "d"]]
    library.cluster()
    assert sorted_groups(library) == [["c", "d"]]


@pytest.mark.parametrize("is_cached", [False, True])
@pytest.mark.parametrize("loss", ["gone", "damaged", "cut", "pipe"])
def test_a_photo_that_cannot_be_read_any_more_is_named_and_stops_nothing(
    tmp_path: Path,
    small_model: Path,
    loss: str,
    is_cached: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    library = own_album(tmp_path, small_model)
    if not is_cached:
        shutil.rmtree(tmp_path / ".dupfind" / "cache")
    photo_b = tmp_path / "album" / "b.jpg"
    data = photo_b.read_bytes()
    photo_b.unlink()
    if loss == "damaged":
        photo_b.write_bytes(b"\xff\xd8\xff no picture")
    elif loss == "cut":
        photo_b.write_bytes(data[: len(data) // 2])
    elif loss == "pipe":
        os.mkfifo(photo_b)
    summary = library.cluster()
    assert summary.unreadable == 1
    assert "1 photo could not be compared: gone, damaged or changed" in caplog.text
    assert str(photo_b) in caplog.text
    assert summary.photos == 4
    assert sorted_groups(library) == [["c", "d"]]


def test_groups_stay_when_no_photo_is_there_any_more(tmp_path: Path, small_model: Path) -> None:
    library = own_album(tmp_path, small_model)
    before = sorted_groups(library)
    (tmp_path / "album").rename(tmp_path / "unplugged")
    with pytest.raises(LibraryError, match="not one photo is where it was"):
        library.cluster()
    assert sorted_groups(library) == before
    (tmp_path / "unplugged").rename(tmp_path / "album")
    (tmp_path / "album" / "a.jpg").touch()  # the same bytes: no other photo
    assert library.cluster().unreadable == 0
    assert sorted_groups(library) == before


@pytest.mark.parametrize("damage", ["deleted", "text", "cut", "rows"])
def test_a_damaged_cache_is_rebuilt(library: Library, damage: str) -> None:
    before = library.groups()
    files = [path for path in (library.paths.root / "cache").rglob("*") if path.is_file()]
    assert files
    for path in files:
        if damage == "deleted":
            path.unlink()
        elif damage == "text":
            path.write_text("this is no database")
        elif damage == "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    if damage == "rows":
        spoil_rows(next(path for path in files if path.suffix == ".db"))
    library.cluster(ClusterOptions(keep="name"))
    assert sorted_groups(library) == sorted(sorted(family) for family in FAMILIES)
    assert [group.members for group in library.groups()] == [group.members for group in before]


def spoil_rows(file: Path) -> None:
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT kind, sha256, data FROM blobs").fetchall()
    assert rows
    for kind, sha256, data in rows:
        bad = bytes(255 - byte for byte in data[:200]) + data[200:-50]
        connection.execute(
            "UPDATE blobs SET data = ? WHERE kind = ? AND sha256 = ?", [bad, kind, sha256]
        )
    connection.commit()
    connection.close()


def run(*words: object) -> str:
    result = CliRunner(catch_exceptions=False).invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_says_what_it_found(library: Library) -> None:
    text = run("cluster", "--library", library.paths.root)
    assert "3 groups of 9 photos found among 11" in text
    assert "dupfind report" in text
    found = json.loads(run("cluster", "--library", library.paths.root, "--json"))
    assert (found["groups"], found["photos"], found["calibration"]) == (3, 11, "shipped")
    assert 0 <= found["expectation"]["precision_low"] <= found["expectation"]["precision"] <= 1
    assert found["library"] == str(library.paths.root)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep", "nicest"], "no keep rule 'nicest'"),
        (["--precision", "1.5"], "--precision"),
        (["--threshold", "2"], "--threshold"),
        (["--level", "all"], "--level"),
    ],
)
def test_wrong_options_are_one_clear_line(library: Library, words: list[str], message: str) -> None:
    done = subprocess.run(
        [*WORDS, "cluster", "--library", library.paths.root, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["cluster", "calibrate"])
def test_nothing_indexed_is_said_plainly(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--library", str(tmp_path / "none")])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "dupfind index PHOTOS" in line


def test_a_killed_run_leaves_the_last_result_and_can_be_repeated(library: Library) -> None:
    before = library.groups()
    shutil.rmtree(library.paths.root / "cache")
    process = subprocess.Popen(
        [*WORDS, "cluster", "--library", library.paths.root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    cache = library.paths.root / "cache"
    while not list(cache.glob("*.db")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert library.groups() == before
    assert library.cluster(ClusterOptions(keep="name")).groups == 3
    assert [group.members for group in library.groups()] == [group.members for group in before]


def test_a_query_names_the_relation_from_the_photo_asked_for(
    library: Library, tmp_path: Path
) -> None:
    save_album(tmp_path, {"asked.png": edited("astronaut.png", "crop_70").pixels})
    matches = library.query(tmp_path / "asked.png", k=4)
    by_name = {match.photo.path.stem: match for match in matches}
    whole = by_name["astronaut"]
    assert whole.relation == "cropped"
    assert whole.probability > 0.9
    # The library's photo as made from the one asked for: what was asked for is the part.
    assert whole.evidence.part == "a"
    assert [match.probability >= 0.5 for match in matches] == sorted(
        (match.probability >= 0.5 for match in matches), reverse=True
    )


@pytest.mark.parametrize(
    ("stored", "note"),
    [
        ({"version": 99}, "another version"),
        # Made of black photos only, by an older dupfind.
        (shipped_calibration().to_json() | {"copy_scores": [None] * 200}, "only 0 of the 200"),
    ],
)
def test_a_stored_calibration_that_is_of_no_use_is_not_used(
    library: Library, stored: dict[str, object], note: str
) -> None:
    with library.store(write=True) as store:
        model = store.active_model()
        assert model is not None
        store.save_calibration(model.id, stored)
    asked = library.photos()[0].path
    assert library.query(asked, k=2)
    found = library.cluster()
    assert note in found.note
    assert found.calibration == "shipped"


def test_a_query_of_a_flat_picture_claims_nothing(library: Library, tmp_path: Path) -> None:
    save_album(tmp_path, {"flat.png": np.full((60, 80, 3), 77, np.uint8)})
    matches = library.query(tmp_path / "flat.png")
    assert len(matches) >= 5
    assert max(match.probability for match in matches) < 0.5


def test_a_picture_without_keypoints_is_the_same_in_every_run(tmp_path: Path) -> None:
    save_album(tmp_path, {"flat.png": np.full((60, 90, 3), 200, np.uint8)})
    sha256 = file_sha256(tmp_path / "flat.png")
    flat = Photo(1, tmp_path / "flat.png", sha256, 1, 1, 90, 60, "PNG")
    with BlobCache(tmp_path / "features.db") as cache:
        for _ in range(2):
            source = FeatureSource([flat], cache)
            found = source[0]
            source.close()
            assert len(found) == 0
            assert found.picture.shape[:2] == (150, 224)
            assert abs(int(found.picture.mean()) - 200) <= 1


def test_a_dark_photo_is_kept_and_not_its_dark_letterbox(tmp_path: Path, small_model: Path) -> None:
    picture = photo("retina.jpg")
    boxed = np.pad(picture, ((190, 190), (0, 0), (0, 0)))
    library, _ = cluster_album(tmp_path, {"plain": picture, "boxed": boxed}, small_model)
    names = {item.id: item.path.stem for item in library.photos()}
    (group,) = library.groups()
    assert names[group.keep.photo_id] == "plain"


def test_a_pair_describes_the_second_photo_as_made_from_the_first(
    tmp_path: Path, small_model: Path
) -> None:
    # The last is the first once more: its row of the pairs has the crop first.
    pictures = [photo("astronaut.png"), edited("astronaut.png", "crop_50").pixels]
    library = Library(tmp_path / ".dupfind", device="cpu")
    for number, pixels in enumerate([*pictures, pictures[0], photo("moon.png")], 1):
        save_album(tmp_path / "album", {f"{number}.png": pixels})
        library.index([tmp_path / "album"], IndexOptions(model=str(small_model), device="cpu"))
    library.cluster()
    ids = {one.path.stem: one.id for one in library.photos()}
    assert ids["1"] < ids["2"] < ids["3"]
    found = {(pair.photo_a, pair.photo_b): pair.evidence for pair in library.pairs()}
    whole_first, crop_first = found[ids["1"], ids["2"]], found[ids["2"], ids["3"]]
    assert (whole_first.part, crop_first.part) == ("b", "a")
    assert whole_first.crop_box == crop_first.crop_box
    assert whole_first.matrix is None, "only members of groups have it"
    (group,) = library.groups()
    (member,) = (one for one in group.members if one.photo_id == ids["2"])
    assert member.evidence.part == "b"
    assert member.evidence.matrix is not None


def test_an_album_without_copies_is_promised_nothing(tmp_path: Path, small_model: Path) -> None:
    names = [*FILLERS, "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "gravel.png"]
    pictures = {name.split(".")[0]: photo(name) for name in names}
    library, summary = cluster_album(tmp_path, pictures, small_model)
    assert summary.groups == 0
    assert summary.expectation is None
    assert "recall" not in run("cluster", "--library", library.paths.root)


def test_a_cut_that_no_example_reaches_promises_nothing(library: Library) -> None:
    assert library.cluster(ClusterOptions(threshold=1.0)).expectation is None
    assert library.cluster(ClusterOptions(threshold=0.9)).expectation is not None


def test_a_query_leaves_nothing_of_a_photo_outside_the_library(
    library: Library, tmp_path: Path
) -> None:
    save_album(tmp_path, {"asked.png": edited("astronaut.png", "crop_70").pixels})
    assert library.query(tmp_path / "asked.png", k=3)
    assert file_sha256(tmp_path / "asked.png") not in cached(library)
    inside = library.photos()[0]
    shutil.rmtree(library.paths.root / "cache")
    assert library.query(inside.path, k=3)
    assert inside.sha256 in cached(library), "what is in the library is read once"


def cached(library: Library) -> set[str]:
    connection = sqlite3.connect(library.paths.root / "cache" / "features.db")
    found = {row[0] for row in connection.execute("SELECT sha256 FROM blobs")}
    connection.close()
    return found


def test_lists_group_what_all_with_all_groups_and_say_what_they_miss(folder: Path) -> None:
    found = {}
    for kind in ("exact", "lists"):
        words = [*WORDS, "cluster", "--library", folder / ".dupfind", "--index-kind", kind]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found[kind] = groups_of(Library(folder / ".dupfind")), done.stdout.splitlines()[0]
    assert found["lists"][0] == found["exact"][0]
    assert found["exact"][1] == "All descriptors compared with all."
    assert re.fullmatch(
        r"Descriptors compared in lists, \d+ of \d+: finds 100.0% of the nearest "
        r"\(\d+ photos checked against all\)\.",
        found["lists"][1],
    )
    assert (folder / ".dupfind" / "index" / "join" / "join.json").exists()
