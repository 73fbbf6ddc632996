"""Closed streams, readers that stop, and names that could deceive: the program itself, real pipes."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dupfind import IndexOptions, Library

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@pytest.fixture(scope="module")
def album(
    tmp_path_factory: pytest.TempPathFactory,
    make_picture: Callable[..., np.ndarray],
    small_model: Path,
) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    for seed in range(2):
        Image.fromarray(make_picture(seed)).save(folder / f"{seed}.png")
    Library(folder / ".dupfind").index([folder], IndexOptions(model=str(small_model), device="cpu"))
    return folder


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``dupfind`` is the command line of this tree."""
    program = shlex.join([sys.executable, "-m", "dupfind.cli"])
    line = line.replace("dupfind", program, 1)
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, timeout=60)
    return subprocess.CompletedProcess(
        line, done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr)
    )


@pytest.mark.parametrize("words", ["query 0.png --json", "models", "--help"])
def test_a_closed_standard_output_is_one_line_and_status_1(album: Path, words: str) -> None:
    done = shell(album, f"dupfind {words} >&-")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: standard output is closed")
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_error_changes_nothing(album: Path) -> None:
    done = shell(album, "dupfind index . 2>&-")
    assert done.returncode == 0
    assert "2 photos found" in done.stdout
    assert shell(album, "dupfind query nowhere.png 2>&-").returncode == 2


def test_a_reader_that_stops_gets_no_complaint_and_the_status_of_a_broken_pipe(album: Path) -> None:
    # `read` ends before the program has written anything.
    done = shell(album, "dupfind query 0.png --json | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_no_message_lets_a_name_command_the_terminal(album: Path) -> None:
    bad = "a\x1b[31mb"
    (album / f"{bad}.png").write_text("no photo")
    for line in (
        f"dupfind query {shlex.quote(bad + '.png')}",
        f"dupfind query {shlex.quote('missing' + bad)}",
        f"dupfind attention 0.png -o {shlex.quote(bad + '.attention')}",
        f"dupfind index {shlex.quote(bad + '.png')} --exclude {shlex.quote(bad)}",
        f"dupfind {shlex.quote(bad)}",
    ):
        done = shell(album, line)
        assert "\x1b" not in done.stdout + done.stderr, line
        assert "Traceback" not in done.stderr
    assert r"a\x1b[31mb.html" in shell(album, f"dupfind map -o {shlex.quote(bad + '.html')}").stdout
