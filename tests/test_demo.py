"""`dupfind demo`: its album, and the whole of dupfind on a folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dupfind.cli import cli
from dupfind.errors import LibraryError
from dupfind.flows.sample_album import ALBUM, make_sample_album


def test_the_album_has_each_picture_and_its_copies(tmp_path: Path) -> None:
    album = make_sample_album(tmp_path / "album")
    files = sorted(album.folder.rglob("*.jpg"))
    assert len(files) == album.files == len(ALBUM) + sum(map(len, ALBUM.values())) + 1
    assert album.example.is_file()
    assert not album.example.is_relative_to(album.folder)
    data = {file: file.read_bytes() for file in files}
    make_sample_album(tmp_path / "album")
    assert {file: file.read_bytes() for file in album.folder.rglob("*.jpg")} == data


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "precious.jpg").write_bytes(b"mine")
    with pytest.raises(LibraryError, match="not made by the demo"):
        make_sample_album(tmp_path / "album")
    assert (tmp_path / "album" / "precious.jpg").read_bytes() == b"mine"


def test_the_demo_goes_through_all_of_it_on_a_folder(
    tmp_path: Path, make_picture: Callable[..., np.ndarray]
) -> None:
    photos = tmp_path / "my photos"
    photos.mkdir()
    for seed in range(3):
        Image.fromarray(make_picture(seed, (300, 200))).save(photos / f"{seed}.png")
    Image.fromarray(make_picture(0, (300, 200))[:, 30:]).save(photos / "part of 0.jpg")
    before = {file.name: file.read_bytes() for file in photos.iterdir()}
    words = ["demo", str(photos), "--folder", str(tmp_path / "out"), "--device", "cpu"]
    result = CliRunner(catch_exceptions=False).invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert "4 photos found" in result.stdout
    assert "part of 0.jpg" in result.stdout
    assert "Group 1: 2 photos" in result.stdout
    report = tmp_path / "out" / "report.html"
    assert result.stdout.endswith(f"The report with pictures: {report}\n")
    assert "data:image/webp" in report.read_text(encoding="utf-8")
    assert {file.name: file.read_bytes() for file in photos.iterdir()} == before
