"""`dupfind find`: index, cluster and report in one go; and the options that stand on either side."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dupfind import Library
from dupfind.cli import cli


@pytest.fixture(scope="module")
def album(
    tmp_path_factory: pytest.TempPathFactory, make_picture: Callable[..., np.ndarray]
) -> Path:
    """Two pictures, and one of them again, smaller; indexed and clustered once."""
    folder = tmp_path_factory.mktemp("find")
    (folder / "photos").mkdir()
    (folder / "alone").mkdir()
    for seed in range(2):
        Image.fromarray(make_picture(seed, (320, 240))).save(folder / "photos" / f"{seed}.png")
    small = Image.fromarray(make_picture(0, (320, 240))).resize((240, 180))
    small.save(folder / "photos" / "small.jpg", quality=90)
    Image.fromarray(make_picture(7, (320, 240))).save(folder / "alone" / "alone.png")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, [str(word) for word in arguments])


def test_it_shows_the_groups_and_says_what_to_do_next(album: Path) -> None:
    library = album / "words"
    result = run("find", album / "photos", "--library", library)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("3 photos found: 3 new, 0 changed")
    assert "keep  0.png" in result.stdout
    assert "copy  small.jpg" in result.stdout
    assert "1 group, 1 copy among 3 photos" in result.stdout
    page = f"Next: dupfind report --format html -o report.html --library {library}"
    assert result.stdout.splitlines()[-1].startswith(page)
    again = run("find", album / "photos", "--library", library, "--quiet", "--limit", "1")
    assert again.stdout.startswith("Photos below")
    assert "Next" not in again.stdout


def test_scripts_get_the_report_alone_and_status_3_when_they_ask(album: Path) -> None:
    words = ["find", album / "photos", "--library", album / "json", "--fail-on-duplicates"]
    result = run(*words, "--json", "--keep", "smallest-resolution", "--exclude", "1.*")
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert Path(report["groups"][0]["keep"]).name == "small.jpg"
    with Library(album / "json") as library:
        assert {photo.path.name for photo in library.photos()} == {"0.png", "small.jpg"}
    assert run(*words, "--level", "exact").exit_code == 0
    target = album / "page.html"
    page = run(*words[:-1], "--format", "html", "-o", target)
    assert (page.exit_code, page.stdout) == (0, f"Wrote {target}\n")
    assert target.read_text("utf-8").startswith("<!doctype html>")


def test_an_album_without_copies_is_status_0_and_no_advice(album: Path) -> None:
    library = album / "none"
    result = run("find", album / "alone", "--library", library, "--fail-on-duplicates")
    assert result.exit_code == 0, result.output
    assert "No duplicates among 1 photo." in result.stdout
    assert "Next" not in result.stdout


def test_shared_options_are_taken_before_the_command_as_after_it(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library = tmp_path / "here"
    run("--library", library, "index", album / "alone", "--model", "untrained")
    before = run("--library", library, "info", "--json")
    after = run("info", "--json", "--library", library)
    assert json.loads(before.stdout)["library"]["photos"] == 1
    assert before.stdout == after.stdout
    # What stands after the command holds, and both hold before the variable.
    monkeypatch.setenv("DUPFIND_LIBRARY", str(tmp_path / "variable"))
    assert run("--library", library, "info", "--json").stdout == after.stdout
    both = run("--library", tmp_path / "nowhere", "info", "--json", "--library", library)
    assert both.stdout == after.stdout
    assert run("-q", "--library", library, "index", album / "alone").stdout == ""
    wrong = run("--device", "cuda:99", "--library", library, "index", album / "alone")
    assert wrong.exit_code == 1
    assert "cuda:99" in wrong.stderr
