"""The tables of docs/accuracy.md, and the maker of labelled albums."""

import csv
import io
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from dupfind.evaluation.report import truth_report
from dupfind.flows.evaluating import read_labels
from dupfind.photos.decode import FULL_SIZE_PX, decode
from dupfind.photos.edits import EDITS
from dupfind.reports.accuracy import (
    TextTable,
    print_table,
    recall_table,
    share,
    with_real_copies_together,
)

ROOT = Path(__file__).resolve().parent.parent


def cell(found: int, pairs: int) -> dict:
    return {"found": found, "pairs": pairs, "recall": found / pairs if pairs else None}


def test_a_table_as_markdown() -> None:
    table = TextTable("Title", ("kind", "recall"), (("crop", "0.5"), ("grey", "1.0")))
    assert table.markdown().splitlines() == [
        "| kind | recall |",
        "| --- | --- |",
        "| crop | 0.5 |",
        "| grey | 1.0 |",
    ]


def test_figures_stand_right_and_words_left() -> None:
    table = TextTable("Title", ("kind", "recall"), (("crop", "0.5"), ("greyscale", "10.25")))
    text = io.StringIO()
    print_table(table, Console(file=text, width=60))
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    assert any(line.startswith(" crop") and line.endswith(" 0.5") for line in lines)


def test_a_share_is_one_only_when_nothing_is_missing() -> None:
    assert [share(value) for value in (1.0, 0.99951, 0.9994, 0.5, None)] == [
        "1.000",
        ">0.999",
        "0.999",
        "0.500",
        "-",
    ]


def test_real_copies_are_added_up() -> None:
    kinds = {"crop": cell(3, 4), "real:thumb": cell(1, 2), "real:low": cell(2, 2)}
    together = with_real_copies_together(kinds)
    assert together == {"crop": cell(3, 4), "real copies": cell(3, 4)}


def test_recall_of_several_methods_side_by_side() -> None:
    methods = {"a": {"crop": cell(1, 2)}, "b": {"crop": cell(2, 2), "grey": cell(0, 3)}}
    table = recall_table("Recall", methods)
    assert table.columns == ("kind", "pairs", "a", "b")
    assert table.rows == (("crop", "2", "0.500", "1.000"), ("grey", "3", "", "0.000"))


def make_set(photos: Path, album: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "make_set.py"), str(photos), str(album)]
    return subprocess.run([*command, *options], capture_output=True, text=True)


def save_photos(folder: Path, pictures: list[NDArray[np.uint8]]) -> Path:
    photos = folder / "photos"
    photos.mkdir()
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(photos / f"{number}.png")
    return photos


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_labelled_album_is_made_and_made_again(make_picture: Callable, tmp_path: Path) -> None:
    photos = save_photos(tmp_path, [make_picture(seed, (64, 48)) for seed in range(60)])
    (photos / "notes.txt").write_text("no photo")
    sizes = ["--originals", "4", "--edits", "3", "--distractors", "5", "--look-alikes", "4"]
    done = make_set(photos, tmp_path / "album", *sizes)
    assert done.returncode == 0, done.stderr
    labels = read_labels(
        tmp_path / "album" / "truth.csv",
        hard_negatives=tmp_path / "album" / "hard_negatives.csv",
    )
    figures = truth_report(labels)
    assert figures["files"] == 4 * 4 + 5 + 2 * 2 + 2 * 2
    assert (figures["groups"], figures["pairs"]) == (4, 4 * 6)
    assert figures["look_alikes"]["all"] == 4
    assert all(path.is_file() for path in labels.paths)
    altered = set(labels.kinds) - {"original", "distractor", "look_alike"}
    assert altered <= set(EDITS)
    assert len(altered) == 12  # each kind once before any comes again
    assert make_set(photos, tmp_path / "again", *sizes).returncode == 0
    truth = (tmp_path / "album" / "truth.csv").read_text()
    assert truth == (tmp_path / "again" / "truth.csv").read_text()


def test_copies_are_made_from_what_the_file_of_the_original_shows(
    make_picture: Callable, tmp_path: Path
) -> None:
    maker = runpy.run_path(str(ROOT / "benchmarks" / "make_set.py"))
    album = maker["Album"](tmp_path, np.random.default_rng(1))
    for number in range(8):
        pixels = make_picture(number, (64, 48))
        shown = album.add_original(pixels, f"g{number}", tmp_path)
        file = tmp_path / str(album.rows[-1][0])
        assert np.array_equal(shown, decode(file, needed_px=FULL_SIZE_PX).pixels)
        assert np.array_equal(shown, pixels) == (file.suffix == ".png")


def test_files_that_show_a_third_photo_beside_theirs_count_neither_way(
    make_picture: Callable, tmp_path: Path
) -> None:
    photos = save_photos(tmp_path, [make_picture(seed, (64, 48)) for seed in range(50)])
    sizes = ["--originals", "8", "--edits", "13", "--distractors", "0", "--look-alikes", "0"]
    assert make_set(photos, tmp_path / "album", *sizes).returncode == 0
    album = tmp_path / "album"
    rows = {row["path"]: row for row in rows_of(album / "truth.csv")}
    pairs = [(rows[row["path_a"]], rows[row["path_b"]]) for row in rows_of(album / "neutral.csv")]
    assert pairs
    for one, other in pairs:
        assert one["group_id"] != other["group_id"]
        assert EDITS[one["kind"]].others
        assert EDITS[other["kind"]].others
    labels = read_labels(album / "truth.csv", neutral=album / "neutral.csv")
    assert len(labels.neutral) == len(pairs)


def test_each_photo_is_used_once(make_picture: Callable, tmp_path: Path) -> None:
    photos = save_photos(tmp_path, [make_picture(seed, (48, 48)) for seed in range(50)])
    sizes = ["--originals", "3", "--edits", "1", "--distractors", "3", "--look-alikes", "2"]
    assert make_set(photos, tmp_path / "album", *sizes).returncode == 0
    rows = rows_of(tmp_path / "album" / "truth.csv")
    groups: dict[str, set[str]] = {}
    for row in rows:
        groups.setdefault(row["source"], set()).add(row["group_id"])
    # Only the two parts of one photo have two groups.
    assert sum(len(names) > 1 for names in groups.values()) == 1


def test_an_album_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    done = make_set(tmp_path, tmp_path / "album")
    assert done.returncode == 2
    assert "exists; name a new folder" in done.stderr
