"""`dupfind apply`, `undo` and `history` as a person or a script calls them."""

import json
from pathlib import Path

import pytest
from act_helpers import Album, Copy, make_album
from click.testing import CliRunner, Result

from dupfind.cli import cli
from dupfind.cli.apply import DELETE_WORDS
from dupfind.records import Reason


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    album = make_album(tmp_path)
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/co\npy.jpg", b"one")
    again, film = album.file("again.jpg", b"two"), album.file("again.mov", b"film")
    assert film
    album.group([Copy(kept, None), Copy(copy), Copy(again, Reason.SAVED_AGAIN)])
    return album


def run(album: Album, *words: str) -> Result:
    arguments = [*words, "--library", str(album.library.paths.root)]
    return CliRunner().invoke(cli, arguments)


def test_without_yes_the_plan_is_shown_and_nothing_happens(album: Album) -> None:
    before = album.tree()
    result = run(album, "apply")
    assert result.exit_code == 0
    assert "co\\npy.jpg" in result.output
    assert f"stays: {album.folder}/kept.jpg" in result.output
    assert "again.mov belongs to it" in result.output
    assert "Nothing is done yet: add --yes" in result.output
    assert album.tree() == before


def test_apply_history_and_undo_tell_what_they_did(album: Album) -> None:
    before = album.tree()
    result = run(album, "apply", "--yes")
    assert "1 photo put into the trash" in result.output
    assert "1 left alone" in result.output
    assert "sub/co\npy.jpg" not in album.tree()
    assert "1 can be undone" in run(album, "history").output
    assert "1 file brought back." in run(album, "undo").output
    assert album.tree() == before
    assert "undone" in run(album, "history").output
    again = run(album, "undo")
    assert again.exit_code == 1
    assert again.output.startswith("Error: there is nothing to undo; `dupfind history`")


def test_a_plan_of_which_nothing_can_be_done_is_a_failure(album: Album, tmp_path: Path) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "sub").write_text("no folder either", encoding="utf-8")
    result = run(album, "apply", "--action", "move", "--to", str(to), "--yes")
    assert result.exit_code == 1
    assert "Nothing was done." in result.output
    assert "sub/co\npy.jpg" in album.tree()


def test_deleting_asks_for_words_of_its_own(album: Album) -> None:
    before = album.tree()
    for words in ([], ["--i-know", "yes"]):
        result = run(album, "apply", "--action", "delete", "--yes", *words)
        assert result.exit_code == 2
        assert DELETE_WORDS in result.output
        assert album.tree() == before
    result = run(album, "apply", "--action", "delete", "--yes", "--i-know", DELETE_WORDS)
    assert "1 photo deleted" in result.output


@pytest.mark.parametrize("words", [["--action", "move"], ["--to", "somewhere"]])
def test_moving_and_its_folder_belong_together(album: Album, words: list[str]) -> None:
    result = run(album, "apply", *words)
    assert result.exit_code == 2
    assert "belong together" in result.output


def test_scripts_get_json(album: Album) -> None:
    plan = json.loads(run(album, "apply", "--json").output)
    assert (plan["action"], plan["photos"], plan["freed_bytes"]) == ("trash", 1, 3)
    assert plan["removals"][0]["parts"][0]["path"] == f"{album.folder}/sub/co\npy.jpg"
    assert plan["left_alone"][0]["path"] == f"{album.folder}/again.jpg"
    done = json.loads(run(album, "apply", "--yes", "--json").output)
    assert (done["photos"], done["files"]) == (1, 1)
    runs = json.loads(run(album, "history", "--json").output)["runs"]
    assert [(one["run"], one["undoable"]) for one in runs] == [(done["run"], 1)]
    undone = json.loads(run(album, "undo", str(done["run"]), "--json").output)
    assert (undone["files"], undone["left_alone"]) == (1, [])


def test_a_run_that_does_not_exist_is_said(album: Album) -> None:
    result = run(album, "undo", "99")
    assert result.exit_code == 1
    assert result.output == "Error: there is no apply run 99; `dupfind history` lists them\n"
