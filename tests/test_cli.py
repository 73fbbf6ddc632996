"""The command line: fast help, one line for each error, JSON for scripts."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from dupfind import Library, __version__
from dupfind.cli import cli
from dupfind.options import IndexOptions


@pytest.fixture(scope="module")
def album(
    tmp_path_factory: pytest.TempPathFactory,
    make_picture: Callable[..., np.ndarray],
    small_model: Path,
) -> Path:
    """A folder with four photos, one text that claims to be one, and an indexed library."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "photos").mkdir()
    for seed in range(4):
        Image.fromarray(make_picture(seed)).save(folder / "photos" / f"{seed}.jpg")
    (folder / "photos" / "text.jpg").write_text("no photo")
    options = IndexOptions(model=str(small_model), device="cpu")
    Library(folder / ".dupfind").index([folder / "photos"], options)
    return folder


def run(*arguments: object, **options: Any) -> Result:
    return CliRunner(catch_exceptions=False, **options).invoke(cli, [str(a) for a in arguments])


def test_help_and_version_load_neither_torch_nor_faiss() -> None:
    code = (
        "import sys; from dupfind.cli import cli\n"
        "for words in (['--help'], ['--version'], ['index', '--help'], ['query', '--help']):\n"
        "    cli(words, standalone_mode=False)\n"
        "heavy = {'torch', 'faiss', 'numpy', 'PIL', 'sqlite_utils', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


def test_wrong_usage_ends_with_status_2() -> None:
    assert run("index").exit_code == 2
    assert run("index", "/nowhere/at/all").exit_code == 2
    assert run("nosuchcommand").exit_code == 2
    assert run("query", __file__, "--k", "0").exit_code == 2


def test_an_error_is_one_line_and_status_1(album: Path, small_model: Path) -> None:
    new = ["--library", album / "new", "--model", small_model]
    for arguments, words in (
        (["query", album / "photos" / "text.jpg", "--library", album / ".dupfind"], "text.jpg"),
        (["query", __file__, "--library", album / "none"], "dupfind index PHOTOS"),
        (["index", album / "photos", "--library", album / "new", "--model", "nosuch"], "nosuch"),
        (["index", album / "photos", *new, "--device", "cuda:99"], "cuda:99"),
        (["index", album / "photos", "--library", album / "photos" / "0.jpg" / "x"], "0.jpg"),
        (["report", "--library", album / ".dupfind"], "dupfind cluster"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1, result.stderr
        assert words in result.stderr


def test_an_unexpected_error_is_one_line_too(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(Library, "query", broken)
    monkeypatch.setattr(sys, "argv", ["dupfind"])
    result = run("query", album / "photos" / "0.jpg", "--library", album / ".dupfind")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "report it" in result.stderr


def test_index_says_what_it_found(album: Path) -> None:
    result = run("index", album / "photos", "--library", album / ".dupfind")
    assert result.exit_code == 0
    assert "4 photos found: 0 new, 0 changed, 0 moved, 4 unchanged; 0 removed." in result.stdout
    assert "1 file could not be read" in result.stdout
    quiet = run("index", album / "photos", "--library", album / ".dupfind", "--quiet")
    assert quiet.output == ""


def test_index_json_is_all_there_is_on_standard_output(album: Path) -> None:
    result = run("index", album / "photos", "--library", album / ".dupfind", "--json")
    summary = json.loads(result.stdout)
    assert (summary["unchanged"], summary["errors"], summary["photos"]) == (4, 1, 4)
    assert summary["library"] == str(album / ".dupfind")


def test_query_prints_a_line_or_an_object_a_photo(album: Path) -> None:
    words = ["query", album / "photos" / "0.jpg", "--k", "2", "--library", album / ".dupfind"]
    lines = run(*words).stdout.splitlines()
    assert len(lines) == 2
    assert all(str(album / "photos") in line for line in lines)
    found = json.loads(run(*words, "--json").stdout)
    assert found["query"] == str(album / "photos" / "0.jpg")
    assert [set(match) for match in found["matches"]] == [
        {"path", "similarity", "probability", "relation", "evidence", "told_apart"}
    ] * 2
    for line, match in zip(lines, found["matches"], strict=True):
        assert line.endswith(match["path"])


def test_query_says_what_lists_find_and_nothing_of_an_exact_search(album: Path) -> None:
    words = ["query", album / "photos" / "0.jpg", "--k", "2", "--library", album / ".dupfind"]
    in_lists = run(*words, "--index-kind", "lists").stdout.splitlines()
    assert in_lists[0] == (
        "Descriptors compared in lists, 1 of 1: finds 100.0% of the nearest (4 photos checked against all)."
    )
    assert in_lists[1:] == run(*words, "--index-kind", "exact").stdout.splitlines()


def test_the_library_is_found_upwards_or_by_the_variable(
    album: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(album / "photos")
    assert len(run("query", "0.jpg").stdout.splitlines()) == 3
    monkeypatch.chdir(tmp_path)
    assert run("query", album / "photos" / "0.jpg").exit_code == 1
    monkeypatch.setenv("DUPFIND_LIBRARY", str(album / ".dupfind"))
    assert run("query", album / "photos" / "0.jpg").exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_models_marks_the_active_one(album: Path, small_model: Path) -> None:
    listed = json.loads(run("models", "--library", album / ".dupfind", "--json").stdout)
    assert [model["name"] for model in listed if model["active"]] == [str(small_model)]
    assert next(model["photos"] for model in listed if model["active"]) == 4
    assert "untrained" in {model["name"] for model in listed}
    lines = run("models", "--library", album / ".dupfind").stdout.splitlines()
    assert next(line for line in lines if line.startswith("*")).startswith(f"* {small_model}")
    assert run("models", "--library", album / "none").exit_code == 0


def test_info_counts_what_the_library_holds(album: Path) -> None:
    facts = json.loads(run("info", "--library", album / ".dupfind", "--json").stdout)
    assert (facts["library"]["photos"], facts["library"]["errors"]) == (4, 1)
    assert facts["machine"]["dupfind"] == __version__
    assert "cpu" in facts["machine"]["devices"]
    assert {"JPEG", "HEIC", "AVIF"} <= set(facts["machine"]["formats"])
    assert "none yet" in run("info", "--library", album / "none").stdout


def test_names_that_could_deceive_a_terminal_are_escaped(
    album: Path, tmp_path: Path, small_model: Path
) -> None:
    (tmp_path / "a\x1b[31m\n.jpg").write_bytes((album / "photos" / "1.jpg").read_bytes())
    library = tmp_path / ".dupfind"
    run("index", tmp_path, "--library", library, "--model", small_model, "--quiet")
    output = run("query", album / "photos" / "1.jpg", "--library", library).stdout
    assert "\x1b" not in output
    assert output.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_to_a_full_disk_is_one_clear_line() -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "dupfind.cli", "info"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr.startswith("Error: no space left"), run.stderr
    assert run.stderr.count("\n") == 1
