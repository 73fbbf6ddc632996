"""Where a library may lie: names that no system takes, links to nowhere, folders of others."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dupfind import Library
from dupfind.cli import cli
from dupfind.config import find_library
from dupfind.errors import LibraryError

COMMANDS = (["index", "."], ["cluster"], ["report"], ["info"], ["models"], ["map", "-o", "x"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("length", [300, 5000])  # of a folder's name, and of a whole path
def test_an_over_long_name_is_one_clear_line(command: list[str], length: int) -> None:
    found = CliRunner().invoke(cli, command, env={"DUPFIND_LIBRARY": "/tmp/" + "x" * length})
    assert found.exit_code == 1
    assert found.output == (
        f"Error: the name of the library folder, /tmp/{'x' * 55}... ({length + 5:,} characters), is "
        "longer than the system takes; choose a shorter one with --library\n"
    )


@pytest.mark.parametrize("place", ["letter.txt", "letter.txt/below"])
def test_a_file_where_the_library_should_be_is_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(LibraryError, match=rf"{place} is a file, or lies below one; choose"):
        Library(tmp_path / place).store(write=True)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_link_that_leads_nowhere_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another library further up does not stand for the one whose disk is not there.
    Library(tmp_path / ".dupfind").store(write=True).close()
    album = tmp_path / "album"
    album.mkdir()
    (album / ".dupfind").symlink_to(tmp_path / "disk" / "library")
    monkeypatch.chdir(album)
    assert find_library(album) == album / ".dupfind"
    found = CliRunner().invoke(cli, command)
    assert found.exit_code == 1
    assert f"is a link to {tmp_path / 'disk' / 'library'}, which is not there" in found.output


def test_a_link_to_a_library_is_followed(tmp_path: Path) -> None:
    Library(tmp_path / "real").store(write=True).close()
    (tmp_path / ".dupfind").symlink_to("real")
    Library(find_library(tmp_path)).store().close()


def test_a_folder_that_holds_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(
        LibraryError, match=rf"no library and holds .*letter.txt.*{tmp_path}/.dupfind"
    ):
        Library(tmp_path).store(write=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(LibraryError, match="holds other files"):
        Library("/").store(write=True)
    assert not Path("/dupfind.db").exists()


def test_what_is_left_of_a_library_without_its_database_is_no_other_file(tmp_path: Path) -> None:
    library = Library(tmp_path / ".dupfind")
    library.store(write=True).close()
    (library.paths.cache).mkdir()
    library.paths.database.unlink()
    library.store(write=True).close()
    assert library.paths.database.is_file()
