"""The albums that are made to measure on: what their labels say is what lies there."""

import csv
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, MakePicture
from PIL import Image

from dupfind.flows.evaluating import read_labels
from dupfind.photos.lookalikes.kind import seen_difference


@pytest.fixture
def photos(make_picture: MakePicture, tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(56):
        Image.fromarray(make_picture(number, (120, 100))).save(folder / f"{number:02d}.png")
    return folder


def make(script: str, album: Path, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), str(album)]
    return subprocess.run([*command, *map(str, options)], capture_output=True, text=True)


def rows_in(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_album_of_look_alikes_holds_series_and_easy_copies(photos: Path, tmp_path: Path) -> None:
    series = ["invoice", "next_frame", "fixed_camera", "portrait"]
    options = ["--photos", photos, "--pictures", 7, "--series", *series]
    done = make("make_lookalikes.py", tmp_path / "album", *options)
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path / "album" / "truth.csv")
    labels = read_labels(
        tmp_path / "album" / "truth.csv", neutral=tmp_path / "album" / "neutral.csv"
    )
    assert all(path.is_file() for path in labels.paths)
    assert {Path(row["path"]).parts[1] for row in rows} == set(series)
    copies = [row["group_id"] for row in rows if row["is_original"] == "0"]
    # The first and the seventh of a series of seven, the first of the six portraits; three each.
    assert len(copies) == 3 * (2 * 3 + 1)
    originals = [row for row in rows if row["is_original"] == "1"]
    assert len({row["group_id"] for row in originals}) == len(originals) == 7 * 3 + 6
    for name in series:
        paths = [row["path"] for row in originals if Path(row["path"]).parts[1] == name]
        shown = [np.asarray(Image.open(tmp_path / "album" / path)) for path in paths]
        for a, b in itertools.combinations(shown, 2):
            assert a.shape != b.shape or seen_difference(a, b, share=0), name


def test_an_album_of_chains_holds_copies_strangers_and_distractors(
    photos: Path, tmp_path: Path
) -> None:
    sizes = ["--originals", 5, "--strangers", 3, "--distractors", 4, "--rows", "0:54"]
    done = make("make_chains.py", tmp_path / "album", "--photos", photos, *sizes)
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path / "album" / "truth.csv")
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "original": 5,
        "chain": 5,
        "stranger": 3,
        "distractor": 4,
    }
    groups = [row["group_id"] for row in rows]
    assert all((groups.count(row["group_id"]) == 2) == (row["group_id"][0] == "g") for row in rows)
    chains = [row["params"] for row in rows if row["kind"] in ("chain", "stranger")]
    assert all(2 <= len(names.split(",")) <= 4 for names in chains)
    sources = {row["source"] for row in rows}
    assert len(sources) == 5 + 3 + 4
    assert not {"54.png", "55.png"} & sources


@pytest.mark.parametrize("script", ["make_chains.py", "make_lookalikes.py"])
def test_the_same_seed_makes_the_same_album(script: str, photos: Path, tmp_path: Path) -> None:
    sizes = {
        "make_chains.py": ["--originals", 2, "--strangers", 1, "--distractors", 1],
        "make_lookalikes.py": ["--series", "icon", "next_frame", "--pictures", 3],
    }[script]
    for name in ("one", "two"):
        assert make(script, tmp_path / name, "--photos", photos, *sizes).returncode == 0
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 5
    for path in files:
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize("script", ["make_chains.py", "make_lookalikes.py"])
def test_a_made_album_never_overwrites_one(script: str, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    done = make(script, tmp_path / "album", "--photos", tmp_path)
    assert done.returncode == 2
    assert "exists; name a new folder" in done.stderr
    done = make(script, tmp_path / "new", "--photos", tmp_path, "--rows", "many")
    assert done.returncode == 2
    assert "invalid" in done.stderr
