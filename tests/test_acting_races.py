"""What happens between two steps of an apply or an undo: other programs do not wait for us."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from act_helpers import Album, Copy, left_words, make_album

from dupfind import Action, PlanOptions

AtStep = Callable[[str, Callable[[], object]], None]
_WAITING: dict[str, Callable[[], object]] = {}


def _hook(event: str, arguments: tuple) -> None:
    if event == "dupfind.step" and arguments[0] in _WAITING:
        _WAITING.pop(arguments[0])()


sys.addaudithook(
    _hook
)  # hooks cannot be taken away again: this one does nothing outside these tests


@pytest.fixture
def at_step() -> Iterator[AtStep]:
    """Let something happen once, when acting has reached a step."""
    yield _WAITING.__setitem__
    _WAITING.clear()


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    album = make_album(tmp_path)
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one")
    album.group([Copy(kept, None), Copy(copy)])
    return album


def apply(album: Album, action: Action) -> dict[str, str]:
    to = album.folder.parent / "out" if action is Action.MOVE else None
    plan = album.library.plan_removal(action, PlanOptions(to=to))
    return dict(left_words(album.library.apply(plan).left_alone))


ACTIONS = [Action.TRASH, Action.MOVE, Action.HARDLINK, Action.DELETE]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("what", ["gone", "replaced"])
def test_what_stays_must_still_be_there_after_the_rename(
    album: Album, at_step: AtStep, action: Action, what: str
) -> None:
    kept, copy = album.folder / "kept.jpg", album.folder / "sub/copy.jpg"

    def happen() -> None:
        kept.unlink()
        if what == "replaced":
            kept.write_bytes(b"another photo")

    at_step("renamed", happen)
    assert apply(album, action)
    assert copy.read_bytes() == b"one"
    assert [path for path in album.tree() if ".dupfind" in path] == []


@pytest.mark.parametrize("action", ACTIONS)
def test_a_file_that_took_the_place_of_the_one_that_was_read_is_put_back(
    album: Album, at_step: AtStep, action: Action
) -> None:
    copy = album.folder / "sub/copy.jpg"

    def happen() -> None:
        copy.unlink()
        copy.write_bytes(b"new")  # of the same size

    at_step("before rename", happen)
    assert "another file took its place" in apply(album, action)["copy.jpg"]
    assert copy.read_bytes() == b"new"
    assert set(album.tree()) == {"kept.jpg", "sub/copy.jpg"}


def test_a_file_at_the_place_in_the_trash_is_not_overwritten(
    album: Album, at_step: AtStep, tmp_path: Path
) -> None:
    there = tmp_path / "xdg/Trash/files/copy.jpg"
    at_step("before rename", lambda: there.write_bytes(b"of another program"))
    assert "taken by now" in apply(album, Action.TRASH)["copy.jpg"]
    assert there.read_bytes() == b"of another program"
    assert (album.folder / "sub/copy.jpg").read_bytes() == b"one"


def test_the_note_of_another_file_in_the_trash_stays(
    album: Album, at_step: AtStep, tmp_path: Path
) -> None:
    note = tmp_path / "xdg/Trash/info/copy.jpg.trashinfo"
    text = "[Trash Info]\nPath=/elsewhere/copy.jpg\nDeletionDate=2026-01-01T00:00:00\n"
    at_step("intended", lambda: note.write_text(text, encoding="ascii"))
    assert "taken by now" in apply(album, Action.TRASH)["copy.jpg"]
    assert note.read_text(encoding="ascii") == text
    assert [path.name for path in note.parent.iterdir()] == [note.name]
    assert (album.folder / "sub/copy.jpg").read_bytes() == b"one"


def test_a_file_at_the_place_to_move_to_is_not_overwritten(
    album: Album, at_step: AtStep, tmp_path: Path
) -> None:
    there = tmp_path / "out/sub/copy.jpg"
    at_step("before rename", lambda: there.write_bytes(b"of another program"))
    assert apply(album, Action.MOVE)
    assert there.read_bytes() == b"of another program"
    assert (album.folder / "sub/copy.jpg").read_bytes() == b"one"


@pytest.mark.parametrize("action", [Action.TRASH, Action.MOVE])
def test_a_file_that_appears_while_an_undo_is_at_work_is_not_overwritten(
    album: Album, at_step: AtStep, action: Action
) -> None:
    assert apply(album, action) == {}
    copy = album.folder / "sub/copy.jpg"
    at_step("before return", lambda: copy.write_bytes(b"a new photo"))
    assert album.library.undo().files == 0
    assert copy.read_bytes() == b"a new photo"
    copy.unlink()
    assert album.library.undo().files == 1
    assert copy.read_bytes() == b"one"


def test_a_name_that_is_taken_while_a_link_is_made_is_not_overwritten(
    album: Album, at_step: AtStep
) -> None:
    copy = album.folder / "sub/copy.jpg"
    at_step("renamed", lambda: copy.write_bytes(b"a new photo"))
    words = apply(album, Action.HARDLINK)["copy.jpg"]
    assert "taken by now" in words
    assert "it lies at" in words
    assert copy.read_bytes() == b"a new photo"
    copy.unlink()
    album.library.undo()
    assert copy.read_bytes() == b"one"


def test_ctrl_c_leaves_a_whole_removal_or_none(album: Album, at_step: AtStep) -> None:
    before = album.tree()

    def interrupt() -> None:
        raise KeyboardInterrupt

    at_step("renamed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        apply(album, Action.TRASH)
    (run,) = album.library.history()
    assert (run.status, run.files, run.undoable) == ("interrupted", 1, 1)
    assert set(album.tree()) == {"kept.jpg"}
    album.library.undo()
    assert album.tree() == before
