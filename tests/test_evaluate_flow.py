"""`dupfind evaluate`: a library measured against labels, as a flow and from the command line."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dupfind import EvaluateOptions, Library
from dupfind.cli import cli
from dupfind.config import LibraryPaths
from dupfind.errors import TruthError
from dupfind.evaluation.relations import expected_relations
from dupfind.evaluation.truth import Truth
from dupfind.flows.evaluating import (
    candidate_recall,
    measure_library,
    precision_promised,
    read_labels,
)
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.records import Group, Member, Pair, Relation, ScannedFile
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store

COPIES = ("jpeg_medium", "crop_85", "flip")


@dataclass
class Album:
    """A folder of pictures with ``truth.csv``: three pictures with three copies each, four others."""

    folder: Path

    @property
    def truth(self) -> Path:
        return self.folder / "truth.csv"


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, make_picture: Callable) -> Album:
    folder = tmp_path_factory.mktemp("album")
    lines = ["path,group_id,kind,is_original"]

    def save(name: str, pixels: np.ndarray, group: str, kind: str, original: int) -> None:
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name},{group},{kind},{original}")

    for seed in range(3):
        pixels = make_picture(seed, (320, 240))
        save(f"{seed}.png", pixels, f"g{seed}", "original", 1)
        for kind in COPIES:
            edited = apply_edit(kind, pixels, np.random.default_rng(seed))
            save(f"{seed}-{kind}.png", edited.pixels, f"g{seed}", kind, 0)
    for seed in range(10, 14):
        save(f"{seed}.png", make_picture(seed, (320, 240)), "", "distractor", 1)
    (folder / "truth.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "hard.csv").write_text("path_a,path_b,reason\n10.png,11.png,other thing\n")
    return Album(folder)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)])


# ---------------------------------------------------------------- results written by hand


def photo(path: Path, sha256: str) -> PhotoEntry:
    return PhotoEntry(ScannedFile(path, 10, 1), Content(sha256, 4, 3, "PNG", None, 0, "f" * 64))


def member(photo_id: int, relation: str) -> Member:
    return Member(photo_id, relation == "original", relation, 0.9, 0.9)


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[tuple[Store, Path]]:
    """A library of four labelled photos and an unlabelled one, clustered by hand."""
    names = ["a.png", "crop.png", "grey.png", "x.png", "unlabelled.png"]
    (tmp_path / "truth.csv").write_text(
        "path,group_id,kind,is_original\na.png,1,original,1\ncrop.png,1,crop_50,0\n"
        "grey.png,1,grayscale,0\nx.png,,distractor,0\nbroken.png,1,crop_50,0\n"
    )
    with Store.open(LibraryPaths(tmp_path / ".dupfind"), write=True) as store:
        model = store.add_model("m", "m" * 64, spec={}, dimensions=2)
        shas = [letter * 64 for letter in "abcde"]
        vectors = [(1, 0), (1, 0), (0, 1), (0.9, 0.1), (1, 0)]
        batch = Batch(
            [photo(tmp_path / name, sha) for name, sha in zip(names, shas, strict=True)],
            vectors=[(sha, np.array(v, np.float16)) for sha, v in zip(shas, vectors, strict=True)],
        )
        ids = store.add_batch(batch, model_id=model.id)
        store.set_active_model(model.id)
        a, crop, grey, x, unlabelled = ids
        pairs = [
            Pair(a, crop, 0.9, 0.95, Relation.CROPPED),
            Pair(a, grey, 0.5, 0.30, Relation.EDITED),
            Pair(a, x, 0.8, 0.10, Relation.SIMILAR),
            Pair(a, unlabelled, 1.0, 0.99, Relation.RESIZED),
        ]
        group = Group(1, (member(a, "original"), member(crop, "cropped")), 0.9, 10)
        store.replace_results(store.start_run("cluster", {}), pairs, [group])
        yield store, tmp_path


def test_the_report_of_a_library_by_hand(by_hand: tuple[Store, Path]) -> None:
    store, folder = by_hand
    report = measure_library(store, read_labels(folder / "truth.csv")).report
    assert report["not_indexed"] == [{"path": "broken.png", "error": "not found in the library"}]
    # 6 pairs of copies among a, crop, grey and the broken file; ranked: a-crop, a-grey, a-x.
    assert report["truth"]["pairs"] == 6
    assert report["pairs"]["micro_ap"] == pytest.approx(2 / 6)
    assert report["groups"]["precision"] == 1.0
    assert report["groups"]["recall"] == 1 / 6
    assert report["candidates"]["pairs"] == 3
    assert report["bounds"]["(all)"] == {
        "pairs": 6,
        "found": 1,
        "not_proven": 1,
        "not_candidate": 4,
    }


def test_relations_are_compared_with_what_was_done(by_hand: tuple[Store, Path]) -> None:
    store, folder = by_hand
    relations = measure_library(store, read_labels(folder / "truth.csv")).report["relations"]
    crop, grey = relations["kinds"]["crop_50"], relations["kinds"]["grayscale"]
    assert (crop["pairs"], crop["right"], crop["named"]) == (2, 1, {"cropped": 1, "not scored": 1})
    assert (grey["right"], grey["named"]) == (0, {"edited": 1})
    assert relations["(all)"] == {"right": 1, "scored": 2, "share": 0.5}


def test_a_truth_reached_through_a_link_is_the_same_folder(
    by_hand: tuple[Store, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, folder = by_hand
    for name in ("a.png", "crop.png", "grey.png", "x.png"):
        (folder / name).write_bytes(b"")
    link = tmp_path_factory.mktemp("links") / "album"
    link.symlink_to(folder)
    report = measure_library(store, read_labels(link / "truth.csv")).report
    assert report["groups"]["recall"] == 1 / 6


def test_a_library_without_the_labelled_files_is_an_error(
    by_hand: tuple[Store, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, folder = by_hand
    moved = tmp_path_factory.mktemp("moved")
    shutil.copy(folder / "truth.csv", moved)
    with pytest.raises(TruthError, match="holds none of the 5 files"):
        measure_library(store, read_labels(moved / "truth.csv"))


def test_the_relation_of_each_edit_is_right_for_its_kind() -> None:
    expected = {name: expected_relations(name) for name in EDITS}
    known = {name for name in EDITS if expected[name]}
    assert {"jpeg_medium", "crop_85", "flip", "watermark", "rotate_90", "combo_mild"} <= known
    assert {name for name in known if EDITS[name].relation not in expected[name]} == set()


# ---------------------------------------------------------------- the command


def test_the_descriptor_alone_is_measured(album: Album) -> None:
    result = run(album.truth, "--descriptor-only", "--model", "untrained", "--json", "--compare")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["model"] == "untrained"
    assert report["descriptor"]["recall_at"]["10"]["(all)"]["pairs"] == 9
    assert report["descriptor"]["recall_at"]["10"]["jpeg_medium"]["recall"] == 1.0
    assert "pairs" not in report
    assert report["compare"]["64-bit pHash"]["micro_ap"] > 0.3


def test_everything_is_measured_and_drawn(album: Album, tmp_path: Path) -> None:
    curve, library = tmp_path / "curve.png", tmp_path / "library"
    options: list[str | Path] = [
        "--library",
        library,
        "--model",
        "untrained",
        "--compare",
        "-o",
        curve,
    ]
    result = run(album.truth, "--hard-negatives", album.folder / "hard.csv", *options)
    assert result.exit_code == 0, result.output
    for words in ("16 files", "18 pairs of copies", "micro AP", "64-bit pHash", "B-cubed F1"):
        assert words in result.stdout
    assert curve.read_bytes().startswith(b"\x89PNG")
    assert (library / "dupfind.db").is_file()
    truth = read_labels(album.truth)
    again = Library(library).evaluate(album.truth, EvaluateOptions(keep=True))
    assert again.report["model"] == "untrained"  # the library's own
    assert again.report["pairs"]["micro_ap"] > 0.9
    assert again.report["groups"]["precision"] == 1.0
    check_promises_and_candidates(library, truth)


def check_promises_and_candidates(library: Path, truth: Truth) -> None:
    with Store.open(LibraryPaths(library)) as store:
        promised = precision_promised(store, truth)
        held = candidate_recall(store, truth, k=10)
        none = candidate_recall(store, truth, k=1)
    assert [row["asked"] for row in promised] == [0.9, 0.99, 0.999]
    assert promised[0]["cut"] <= promised[1]["cut"] <= promised[2]["cut"]
    assert promised[0]["recall"] >= promised[1]["recall"] > 0.8
    assert all(row["precision"] >= row["low"] for row in promised)
    assert held["(all)"]["any"]["recall"] > 0.9
    # With one candidate a photo, at most 12 of the 18 pairs of copies can be held.
    assert none["(all)"]["any"]["found"] <= 12


def test_nothing_is_promised_before_a_clustering(by_hand: tuple[Store, Path]) -> None:
    store, folder = by_hand
    with pytest.raises(TruthError, match="not clustered yet"):
        precision_promised(store, read_labels(folder / "truth.csv"))


def test_no_library_is_left_behind(album: Album, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(album.truth, "--descriptor-only", "--model", "untrained", "-q")
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == []


def test_a_labelled_file_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("path,group_id\na.png,1\nb.png,1\n")
    result = run(tmp_path / "truth.csv")
    assert result.exit_code == 1
    assert "Error: 2 of the 2 labelled files are not there, such as 'a.png'" in result.output


def test_a_file_that_cannot_be_read_is_named_and_counts_as_missed(
    album: Album, tmp_path: Path
) -> None:
    for file in album.folder.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "0-flip.png").write_bytes(b"this is text")
    result = run(tmp_path / "truth.csv", "--descriptor-only", "--model", "untrained", "--json")
    report = json.loads(result.stdout)
    assert [missed["path"] for missed in report["not_indexed"]] == ["0-flip.png"]
    assert report["descriptor"]["recall_at"]["10"]["flip"] == {
        "found": report["descriptor"]["recall_at"]["10"]["flip"]["found"],
        "pairs": 3,
        "recall": pytest.approx(report["descriptor"]["recall_at"]["10"]["flip"]["found"] / 3),
    }
    assert report["descriptor"]["recall_at"]["10"]["flip"]["found"] <= 2


def test_classes_of_a_folder_are_told_apart(make_picture: Callable, tmp_path: Path) -> None:
    for name, level in (("bright", 150), ("dark", 0)):
        (tmp_path / name).mkdir()
        for seed in range(4):
            pixels = make_picture(seed, (96, 64)) // 3 + level
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{seed}.png")
    (tmp_path / "dark" / "notes.txt").write_text("no photo")
    result = run(tmp_path, "--knn", "--model", "untrained", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["accuracy"] > 0.8
    assert [Path(error["path"]).name for error in report["errors"]] == ["notes.txt"]
    assert "bright" in run(tmp_path, "--knn", "--model", "untrained").stdout


def test_copydays_and_disc21_run_from_their_folders(album: Album, tmp_path: Path) -> None:
    first, second = (Image.open(album.folder / f"{seed}.png") for seed in (0, 1))
    for block in ("original", "jpegqual/10", "strong"):
        (tmp_path / "copydays" / block).mkdir(parents=True)
        shift = int(block == "strong")
        for number, image in enumerate((first, second)):
            name = f"20{number:02d}0{shift}.jpg"
            image.convert("RGB").save(tmp_path / "copydays" / block / name, quality=30)
    result = run(
        tmp_path / "copydays", "--format", "copydays", "--descriptor-only", "--model", "untrained",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)["descriptor"]
    assert figures["mean_average_precision"] == {"(all)": 1.0, "jpegqual/10": 1.0, "strong": 1.0}
    for folder, names in (("queries", ["Q0", "Q1"]), ("references", ["R0", "R1"])):
        (tmp_path / "disc" / folder).mkdir(parents=True)
        for image, name in zip((first, second), names, strict=True):
            image.convert("RGB").save(tmp_path / "disc" / folder / f"{name}.jpg")
    (tmp_path / "disc" / "dev_ground_truth.csv").write_text("Q0,R0\nQ1,\n")
    result = run(tmp_path / "disc", "--format", "disc21", "--descriptor-only", "--json")
    assert json.loads(result.stdout)["descriptor"]["micro_ap"] > 0


def test_drawing_without_pairs_is_wrong_usage(album: Album) -> None:
    result = run(album.truth, "--descriptor-only", "-o", "curve.png")
    assert result.exit_code == 2
    assert "--descriptor-only have none" in result.output


def test_pair_files_do_not_go_with_a_data_set(album: Album) -> None:
    result = run(album.folder, "--format", "copydays", "--neutral", album.folder / "hard.csv")
    assert "no look-alike or neutral pairs" in result.output


def test_only_labelled_files_are_indexed(
    album: Album, make_picture: Callable, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    shutil.copytree(album.folder, folder)
    Image.fromarray(make_picture(99, (64, 64))).save(folder / "unlabelled.png")
    options = EvaluateOptions("untrained", descriptor_only=True, keep=True)
    library = LibraryPaths(tmp_path / "library")
    Library(library.root).evaluate(folder / "truth.csv", options)
    with Store.open(library) as store:
        names = {photo.path.name for photo in store.photos()}
    assert len(names) == 16
    assert "unlabelled.png" not in names


def test_a_folder_of_labelled_files_only_is_indexed_as_one(album: Album, tmp_path: Path) -> None:
    shutil.copytree(album.folder, tmp_path / "photos")
    lines = (tmp_path / "photos" / "truth.csv").read_text().splitlines()
    moved = [lines[0], *(f"photos/{line}" for line in lines[1:])]
    (tmp_path / "truth.csv").write_text("\n".join(moved))
    for name in ("truth.csv", "hard.csv"):
        (tmp_path / "photos" / name).unlink()
    library = LibraryPaths(tmp_path / "library")
    options = EvaluateOptions("untrained", descriptor_only=True, keep=True)
    result = Library(library.root).evaluate(tmp_path / "truth.csv", options)
    assert result.report["not_indexed"] == []
    with Store.open(library) as store:
        run = store.latest_run("index")
    assert run is not None
    assert run.options["folders"] == [str(tmp_path / "photos")]
