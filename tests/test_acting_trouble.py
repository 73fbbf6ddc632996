"""Acting in real trouble: kills at every step, full and read-only disks, other disks, no rights."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from act_helpers import Album, Copy, contents, left_words, make_album, tree_of
from library_helpers import unprivileged

from dupfind import Action, LibraryError, PlanOptions
from dupfind.records import Reason

ROOT = Path(__file__).resolve().parent.parent
Mount = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """Mount small disks in memory, each of its own."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a disk for the test needs root")
    with ExitStack() as stack:

        def mount(name: str, size: str = "1m") -> Path:
            folder = tmp_path / name
            folder.mkdir()
            words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
            if subprocess.run(words, capture_output=True, check=False).returncode:
                pytest.skip("this machine does not let the test mount a disk")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            return folder

        yield mount


@pytest.fixture(autouse=True)
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg"


def filled(album: Album) -> Album:
    """Put a group of a kept photo, a copy and one that was saved again into an album."""
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one")
    again = album.file("again.jpg", b"two" * 9000)
    album.group([Copy(kept, None), Copy(copy), Copy(again, Reason.SAVED_AGAIN)])
    return album


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    free = shutil.disk_usage(folder).free
    (folder / "filler").write_bytes(bytes(free))
    assert shutil.disk_usage(folder).free == 0


WALKS = [
    pytest.param("trash", ""),
    pytest.param("hardlink", ""),
    *(pytest.param(action, "", marks=pytest.mark.slow) for action in ("move", "delete", "reflink")),
    *(
        pytest.param(action, "plain", marks=pytest.mark.slow)
        for action in ("trash", "move", "hardlink", "delete")
    ),
    pytest.param("trash", "carry", marks=pytest.mark.slow),
    pytest.param("move", "other disk", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("action", "how"), WALKS)
def test_a_kill_at_any_step_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, action: str, how: str
) -> None:
    out = tmp_path / "out"
    if how == "other disk":
        out = request.getfixturevalue("disk")("disk") / "out"
    words = [sys.executable, str(ROOT / "tests/act_faults.py"), action, str(tmp_path / "work")]
    done = subprocess.run(
        [*words, str(out), how], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["kills"] > 10


def test_random_plans_lose_nothing_and_an_undo_brings_the_tree_back(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "benchmarks/random_plans.py"), "--plans", "200"]
    words = [*program, "--folder", str(tmp_path / "plans"), "--other", str(tmp_path / "other")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert result["done"]["plans"] == 200
    assert result["done"]["photos"] > 150
    assert result["done"]["kills"] > 20


def test_what_is_moved_to_another_disk_comes_back_with_its_time(
    tmp_path: Path, disk: Mount
) -> None:
    album = filled(make_album(tmp_path))
    before, out = album.tree(), disk("other") / "out"
    plan = album.library.plan_removal("move", PlanOptions(to=out))
    assert album.library.apply(plan).photos == 2
    assert tree_of(out) == {name: before[name] for name in ("sub/copy.jpg", "again.jpg")}
    assert album.library.undo().files == 2
    assert album.tree() == before
    assert tree_of(out) == {}


def test_a_full_disk_to_move_to_changes_nothing(tmp_path: Path, disk: Mount) -> None:
    album, other = filled(make_album(tmp_path)), disk("other")
    before = album.tree()
    (other / "out/sub").mkdir(parents=True)
    fill(other)
    plan = album.library.plan_removal("move", PlanOptions(to=other / "out"))
    summary = album.library.apply(plan)
    assert left_words(summary.left_alone)["again.jpg"] == "the disk is full"
    assert album.tree() == before
    assert set(tree_of(other)) == {"filler"}


def test_an_undo_onto_a_full_disk_leaves_what_was_moved_where_it_is(
    tmp_path: Path, disk: Mount
) -> None:
    top, out = disk("photos"), tmp_path / "out"
    album = filled(make_album(top, tmp_path / ".dupfind"))
    before = album.tree()
    album.library.apply(album.library.plan_removal("move", PlanOptions(to=out)))
    moved = tree_of(out)
    fill(top)
    summary = album.library.undo()
    assert summary.files == 0
    assert left_words(summary.left_alone)["again.jpg"] == "the disk is full"
    assert tree_of(out) == moved
    assert set(album.tree()) == {"kept.jpg"}
    (top / "filler").unlink()
    assert album.library.undo().files == 2
    assert album.tree() == before
    assert tree_of(out) == {}


def test_the_trash_of_a_full_disk_still_takes_photos(tmp_path: Path, disk: Mount) -> None:
    top = disk("photos")
    album = filled(make_album(top, tmp_path / ".dupfind"))
    before = album.tree()
    fill(top)
    assert album.library.apply(album.library.plan_removal()).photos == 2
    assert {data for data, _ in before.values()} <= contents(top)
    album.library.undo()
    assert album.tree() == before


def test_a_library_on_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, disk: Mount) -> None:
    top = disk("library")
    album = filled(make_album(tmp_path, top / ".dupfind"))
    before, plan = album.tree(), album.library.plan_removal()
    fill(top)
    with pytest.raises(LibraryError):
        album.library.apply(plan)
    assert {data for data, _ in before.values()} <= contents(album.folder, tmp_path / "xdg")
    (top / "filler").unlink()
    album.library.apply(album.library.plan_removal())
    while any(run.undoable for run in album.library.history()):
        album.library.undo()
    assert album.tree() == before


def test_each_disk_has_a_trash_of_its_own(tmp_path: Path, disk: Mount, trash: Path) -> None:
    top = disk("photos")
    album = filled(make_album(top, tmp_path / ".dupfind"))
    album.library.apply(album.library.plan_removal())
    own = top / f".Trash-{os.getuid()}"
    assert own.stat().st_mode & 0o777 == 0o700
    assert (own / "files/copy.jpg").read_bytes() == b"one"
    info = (own / "info/copy.jpg.trashinfo").read_text("ascii")
    assert "\nPath=album/sub/copy.jpg\n" in info
    assert not trash.exists()


@pytest.mark.parametrize("kind", ["sticky", "open to all", "link"])
def test_the_administrators_trash_counts_only_when_it_is_safe(
    tmp_path: Path, disk: Mount, kind: str
) -> None:
    top = disk("photos")
    album = filled(make_album(top, tmp_path / ".dupfind"))
    shared = top / ".Trash"
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        shared.symlink_to(tmp_path / "elsewhere")
    else:
        shared.mkdir()
        shared.chmod(0o1777 if kind == "sticky" else 0o777)
    album.library.apply(album.library.plan_removal())
    user = str(os.getuid())
    used = shared / user if kind == "sticky" else top / f".Trash-{user}"
    assert (used / "files/copy.jpg").exists()


def test_a_disk_without_a_usable_trash_gets_a_plain_folder(tmp_path: Path, disk: Mount) -> None:
    top = disk("photos")
    album = filled(make_album(top, tmp_path / ".dupfind"))
    before = album.tree()
    (tmp_path / "elsewhere").mkdir()
    (top / f".Trash-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    summary = album.library.apply(album.library.plan_removal())
    assert (top / f".dupfind-removed/{summary.run_id}/copy.jpg").read_bytes() == b"one"
    assert album.library.undo().files == 2
    assert album.tree() == before


@pytest.mark.parametrize("action", [Action.TRASH, Action.MOVE, Action.HARDLINK, Action.DELETE])
def test_a_read_only_disk_is_left_as_it_is(tmp_path: Path, disk: Mount, action: Action) -> None:
    top = disk("photos")
    album = filled(make_album(top, tmp_path / ".dupfind"))
    before = album.tree()
    options = PlanOptions(to=tmp_path / "out" if action is Action.MOVE else None)
    plan = album.library.plan_removal(action, options)
    subprocess.run(["mount", "-o", "remount,ro", str(top)], check=True)
    summary = album.library.apply(plan)
    assert summary.photos == 0
    assert all("read-only" in one.reason for one in summary.left_alone)
    subprocess.run(["mount", "-o", "remount,rw", str(top)], check=True)
    assert album.tree() == before
    assert tree_of(tmp_path / "out") == {}


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
@pytest.mark.parametrize("action", [Action.TRASH, Action.HARDLINK, Action.DELETE])
def test_a_folder_that_may_not_be_written_is_left_as_it_is(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(open_folder / "xdg"))
    album = filled(make_album(open_folder))
    (album.folder / "again.jpg").unlink()
    before = album.tree()
    with unprivileged(open_folder):
        (album.folder / "sub").chmod(0o555)
        summary = album.library.apply(album.library.plan_removal(action))
        (album.folder / "sub").chmod(0o755)
    assert "no permission" in left_words(summary.left_alone)["copy.jpg"]
    assert album.tree() == before


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
def test_a_read_only_photo_goes_and_comes_back_read_only(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(open_folder / "xdg"))
    album = filled(make_album(open_folder))
    copy = album.folder / "sub/copy.jpg"
    with unprivileged(open_folder):
        copy.chmod(0o444)
        for action in (Action.TRASH, Action.HARDLINK, Action.DELETE):
            plan = album.library.plan_removal(action)
            assert copy in [removal.photo.file.path for removal in plan.removals]
            album.library.apply(plan)
            album.library.undo()
            assert copy.stat().st_mode & 0o777 == 0o444


def test_blocks_are_shared_where_the_file_system_can(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs"):
        pytest.skip("needs root and mkfs.btrfs")
    image, top = tmp_path / "image", tmp_path / "btrfs"
    top.mkdir()
    with image.open("wb") as file:
        file.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True)
    words = ["mount", "-o", "loop", str(image), str(top)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let the test mount a file")
    try:
        album, data = make_album(top, tmp_path / ".dupfind"), os.urandom(20 << 20) + b"end"
        album.group([Copy(album.file("kept.jpg", data), None), Copy(album.file("copy.jpg", data))])
        os.sync()
        before, used = album.tree(), shutil.disk_usage(top).used
        assert album.library.apply(album.library.plan_removal("reflink")).photos == 1
        os.sync()
        assert shutil.disk_usage(top).used < used - (15 << 20)
        assert album.tree() == before
        album.library.undo()
        assert album.tree() == before
    finally:
        subprocess.run(["umount", str(top)], check=True)
