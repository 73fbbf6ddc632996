"""Reports in the shapes of FiftyOne, imagededup and fastdup: what those tools' readers ask for."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from decision_helpers import fill

from dupfind import Library
from dupfind.cli import cli


@pytest.fixture
def library(tmp_path: Path) -> Library:
    looks = {name: (name, name) for name in ("a", "b", "c", "sub/d", "e")}
    return fill(tmp_path / ".dupfind", looks, [["a", "b", "c"]])


def export(library: Library, name: str) -> str:
    words = ["report", "--library", str(library.paths.root), "--format", name]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_imagededup_gets_each_photo_with_its_duplicates(library: Library) -> None:
    assert json.loads(export(library, "imagededup")) == {
        "a.jpg": ["b.jpg", "c.jpg"],
        "b.jpg": ["a.jpg", "c.jpg"],
        "c.jpg": ["a.jpg", "b.jpg"],
        "sub/d.jpg": [],
        "e.jpg": [],
    }


def test_fastdup_gets_its_table_of_similarities(library: Library) -> None:
    rows = list(csv.DictReader(export(library, "fastdup").splitlines()))
    assert rows == [
        {"from": "/p/a.jpg", "to": "/p/b.jpg", "distance": "0.9"},
        {"from": "/p/a.jpg", "to": "/p/c.jpg", "distance": "0.9"},
    ]


def test_fiftyone_gets_a_sample_for_each_photo(library: Library) -> None:
    samples = json.loads(export(library, "fiftyone"))["samples"]
    assert [sample["filepath"] for sample in samples][3:] == ["/p/sub/d.jpg", "/p/e.jpg"]
    assert samples[3].keys() == {"filepath", "tags", "metadata"}
    first, second = samples[:2]
    assert (first["keep"], first["tags"]) == (True, ["duplicate", "keep"])
    assert (second["keep"], second["tags"]) == (False, ["duplicate", "look"])
    assert second["group_id"] == first["group_id"]
    assert second["relation"] == {
        "_cls": "Classification",
        "label": "reencoded",
        "confidence": 0.9,
    }
