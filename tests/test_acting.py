"""Acting on copies: what may go, what never may, and that an undo brings the very tree back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from act_helpers import Album, Copy, left_words, make_album, names, tree_of

from dupfind import (
    Action,
    ActionError,
    Choice,
    Library,
    LibraryLockedError,
    Plan,
    PlanOptions,
    Verb,
)
from dupfind.records import Advice, Reason

ROOT = Path(__file__).resolve().parent.parent
TIME_NS = 1_400_000_000_987_654_321
ACTIONS = [Action.TRASH, Action.MOVE, Action.HARDLINK, Action.DELETE]


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return make_album(tmp_path)


@pytest.fixture
def pair(album: Album) -> Album:
    """An album of a kept photo, a copy of the same bytes in a folder, and one saved again."""
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one", TIME_NS)
    again = album.file("again.jpg", b"two")
    album.group([Copy(kept, None), Copy(copy), Copy(again, Reason.SAVED_AGAIN)])
    return album


def options_of(action: Action, album: Album) -> PlanOptions:
    to = album.folder.parent / "out" if action is Action.MOVE else None
    return PlanOptions(to=to)


def planned(album: Album, action: Action = Action.TRASH) -> Plan:
    return album.library.plan_removal(action, options_of(action, album))


def test_a_plan_shows_what_would_go_and_changes_nothing(pair: Album) -> None:
    before = pair.tree()
    plan = planned(pair)
    assert names(removal.photo.file.path for removal in plan.removals) == {"copy.jpg", "again.jpg"}
    assert {removal.photo.kept.path.name for removal in plan.removals if removal.photo.kept} == {
        "kept.jpg"
    }
    assert plan.freed_bytes == 6
    assert pair.tree() == before
    assert pair.library.history() == []


@pytest.mark.parametrize("action", ACTIONS)
def test_an_undo_brings_back_bytes_names_and_times(pair: Album, action: Action) -> None:
    (pair.folder / "again.jpg").unlink()  # deleted, it would not come back
    before = pair.tree()
    summary = pair.library.apply(planned(pair, action))
    assert summary.photos == 1
    if action is Action.HARDLINK:
        assert (pair.folder / "sub/copy.jpg").samefile(pair.folder / "kept.jpg")
    else:
        assert pair.tree() != before
    undone = pair.library.undo()
    assert (undone.run_id, undone.files, undone.left_alone) == (summary.run_id, 1, ())
    assert pair.tree() == before
    assert not (pair.folder / "sub/copy.jpg").samefile(pair.folder / "kept.jpg")
    assert [run.undone for run in pair.library.history()] == [1]


def test_the_trash_is_one_that_desktops_read(album: Album, tmp_path: Path) -> None:
    name = os.fsdecode(b"50% caf\xe9\n.jpg")
    copy = album.file(name, b"one")
    album.group([Copy(album.file("kept.jpg", b"one"), None), Copy(copy)])
    album.library.apply(planned(album))
    info = (tmp_path / "xdg/Trash/info" / f"{name}.trashinfo").read_text("ascii").splitlines()
    assert info[0] == "[Trash Info]"
    assert info[1] == f"Path={album.folder}/50%25%20caf%E9%0A.jpg"
    assert info[2].startswith("DeletionDate=20")
    assert (tmp_path / "xdg/Trash/files" / name).read_bytes() == b"one"


def test_files_of_one_name_get_names_of_their_own_in_the_trash(
    album: Album, tmp_path: Path
) -> None:
    kept = album.file("kept.jpg", b"one")
    copies = [album.file(f"{number}/copy.jpg", b"one") for number in range(3)]
    album.group([Copy(kept, None), *map(Copy, copies)])
    before = album.tree()
    album.library.apply(planned(album))
    in_trash = {"copy.2.jpg", "copy.3.jpg", "copy.jpg"}
    assert names((tmp_path / "xdg/Trash/files").iterdir()) == in_trash
    album.library.undo()
    assert album.tree() == before
    assert tree_of(tmp_path / "xdg") == {}


def test_moving_keeps_the_folders(pair: Album, tmp_path: Path) -> None:
    pair.library.apply(planned(pair, Action.MOVE))
    assert set(tree_of(tmp_path / "out")) == {"sub/copy.jpg", "again.jpg"}


def test_moving_below_an_indexed_folder_is_refused(pair: Album) -> None:
    with pytest.raises(ActionError, match="indexed folder"):
        pair.library.plan_removal("move", PlanOptions(to=pair.folder / "out"))


def test_only_what_the_advice_lets_go_goes(album: Album) -> None:
    kept, look = album.file("kept.jpg", b"one"), album.file("look.jpg", b"two")
    album.group([Copy(kept, None), Copy(look, Reason.CHANGED, Advice.LOOK)])
    assert planned(album).removals == ()
    decided = PlanOptions(removals={album.ids[look]: album.ids[kept]})
    plan = album.library.plan_removal("trash", decided)
    assert [removal.decided for removal in plan.removals] == [True]


def test_what_a_person_decided_counts(album: Album) -> None:
    kept, look = album.file("kept.jpg", b"one"), album.file("look.jpg", b"two")
    same = album.file("same.jpg", b"one")
    album.group([Copy(kept, None), Copy(look, Reason.CHANGED, Advice.LOOK), Copy(same)])
    library = album.library
    library.decide([Choice(Verb.REMOVE, (look,)), Choice(Verb.KEEP, (same,))])
    plan = planned(album)
    assert [(one.photo.file.path, one.decided) for one in plan.removals] == [(look, True)]
    assert library.apply(plan).photos == 1
    library.undo()
    library.decide([Choice(Verb.KEEP_ALL, (kept,))])
    assert planned(album).removals == ()
    assert library.apply(plan).photos == 0  # an older plan does not count any more
    library.undo_decision()
    library.undo_decision()
    assert [one.photo.file.path for one in planned(album).removals] == [same]


def test_what_was_told_apart_is_not_touched(album: Album) -> None:
    kept, other = album.file("kept.jpg", b"one"), album.file("other.jpg", b"two")
    album.group([Copy(kept, None), Copy(other, Reason.SAVED_AGAIN)])
    album.library.decide([Choice(Verb.NOT_DUPLICATES, (kept, other))])
    assert planned(album).removals == ()


def test_a_reference_is_never_touched(album: Album) -> None:
    kept, copy = album.file("kept.jpg", b"one"), album.file("ref/copy.jpg", b"one")
    album.group([Copy(kept, None), Copy(copy, is_reference=True)])
    for action in ACTIONS:
        plan = planned(album, action)
        assert plan.removals == ()
        assert left_words(plan.left_alone) == {"copy.jpg": "it lies in a reference folder"}


def test_another_name_of_the_kept_file_is_never_removed(album: Album) -> None:
    kept, copy = album.file("kept.jpg", b"one"), album.folder / "copy.jpg"
    copy.hardlink_to(kept)
    album.group([Copy(kept, None), Copy(copy)])
    plan = planned(album)
    assert plan.removals == ()
    assert "another name of the file" in left_words(plan.left_alone)["copy.jpg"]


def test_two_that_would_stay_for_each_other_both_stay(album: Album) -> None:
    one, two = album.file("one.jpg", b"one"), album.file("two.jpg", b"one")
    album.group([Copy(one, None), Copy(two)])
    a, b = album.ids[one], album.ids[two]
    plan = album.library.plan_removal("trash", PlanOptions(removals={a: b, b: a}))
    assert plan.removals == ()
    assert all("is to go as well" in one.reason for one in plan.left_alone)


def test_a_second_copy_of_a_look_goes_because_of_that_one(album: Album) -> None:
    kept, look = album.file("kept.jpg", b"one"), album.file("look.jpg", b"two")
    twin = album.file("twin.jpg", b"two")
    album.group([Copy(kept, None), Copy(look, Reason.CHANGED, Advice.LOOK), Copy(twin)])
    (removal,) = planned(album).removals
    assert removal.photo.kept is not None
    assert removal.photo.kept.path == look
    look.unlink()
    assert planned(album).removals == ()


def test_more_than_pixels_goes_only_as_the_same_bytes(album: Album) -> None:
    kept = album.file("kept.jpg", b"one")
    same, other = album.file("same.jpg", b"one"), album.file("other.jpg", b"two")
    gain = ("gain map",)
    album.group(
        [
            Copy(kept, None, extras=gain),
            Copy(same, extras=gain),
            Copy(other, Reason.SAVED_AGAIN, extras=gain),
        ]
    )
    plan = planned(album)
    assert names(removal.photo.file.path for removal in plan.removals) == {"same.jpg"}
    assert "gain map" in left_words(plan.left_alone)["other.jpg"]


@pytest.mark.parametrize(
    "what", ["changed", "gone", "link", "swapped", "kept changed", "kept gone"]
)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_happened_since_the_plan_is_seen(pair: Album, action: Action, what: str) -> None:
    (pair.folder / "again.jpg").unlink()
    plan = planned(pair, action)
    path = pair.folder / ("kept.jpg" if "kept" in what else "sub/copy.jpg")
    time_ns = path.stat().st_mtime_ns
    if "gone" in what or what == "link":
        path.unlink()
    if "changed" in what:
        path.write_bytes(b"eno")
        os.utime(path, ns=(time_ns, time_ns))
    if what == "link":
        path.symlink_to(pair.folder / "kept.jpg")
    if what == "swapped":
        path.rename(path.with_name("aside"))
        path.symlink_to("aside")
    before = pair.tree()
    summary = pair.library.apply(plan)
    assert (summary.photos, len(summary.left_alone)) == (0, 1)
    assert pair.tree() == before


def test_a_folder_that_became_a_link_to_the_kept_file_is_seen(album: Album) -> None:
    kept, copy = album.file("a/photo.jpg", b"one"), album.file("b/photo.jpg", b"one")
    album.group([Copy(kept, None), Copy(copy)])
    plan = planned(album)
    (album.folder / "b").rename(album.folder / "c")
    (album.folder / "b").symlink_to("a")
    assert album.library.apply(plan).photos == 0
    assert kept.read_bytes() == b"one"


def test_a_sidecar_goes_with_its_photo(album: Album) -> None:
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one")
    for photo in (kept, copy):
        album.file(str(photo.relative_to(album.folder)) + ".xmp", b"edits")
    album.group([Copy(kept, None), Copy(copy)])
    before = album.tree()
    assert album.library.apply(planned(album)).files == 2
    assert set(album.tree()) == {"kept.jpg", "kept.jpg.xmp"}
    album.library.undo()
    assert album.tree() == before


@pytest.mark.parametrize("name", ["copy.jpg.xmp", "copy.xmp", "copy.MOV", "copy.CR2", "copy.aae"])
def test_what_only_belongs_to_the_copy_keeps_it(album: Album, name: str) -> None:
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one")
    album.file(f"sub/{name}", b"of its own")
    album.group([Copy(kept, None), Copy(copy)])
    plan = planned(album)
    assert plan.removals == ()
    assert left_words(plan.left_alone)["copy.jpg"].startswith(name)
    decided = PlanOptions(removals={album.ids[copy]: album.ids[kept]})
    before = album.tree()
    assert album.library.apply(album.library.plan_removal("trash", decided)).files == 2
    assert set(album.tree()) == {"kept.jpg"}
    album.library.undo()
    assert album.tree() == before
    assert album.library.plan_removal("delete", decided).removals == ()


def test_what_is_shared_by_a_stem_stays_with_the_file_that_stays(album: Album) -> None:
    kept, copy = album.file("kept.jpg", b"one"), album.file("sub/copy.jpg", b"one")
    album.file("sub/copy.heic", b"another picture")
    album.file("sub/copy.xmp", b"of both")
    album.group([Copy(kept, None), Copy(copy)])
    assert album.library.apply(planned(album)).files == 1
    assert set(album.tree()) == {"kept.jpg", "sub/copy.heic", "sub/copy.xmp"}


def test_the_film_of_another_shot_is_no_part_of_a_live_photo(album: Album) -> None:
    ids = [f"0000000{number}-aaaa-bbbb-cccc-dddddddddddd".encode() for number in (1, 2)]
    still = b"\xff\xd8 Apple iOS\0\0 " + ids[0]
    film = b"moov mdta com.apple.quicktime.content.identifier data " + ids[1]
    kept, copy = album.file("kept.heic", still), album.file("sub/copy.heic", still)
    album.file("sub/copy.mov", film)
    album.group([Copy(kept, None), Copy(copy)])
    assert album.library.apply(planned(album)).files == 1
    assert "sub/copy.mov" in album.tree()


def test_an_undo_overwrites_nothing(pair: Album) -> None:
    pair.library.apply(planned(pair))
    pair.file("sub/copy.jpg", b"a new photo of that name")
    undone = pair.library.undo()
    assert undone.files == 1
    assert "another file has its name" in left_words(undone.left_alone)["copy.jpg"]
    assert (pair.folder / "sub/copy.jpg").read_bytes() == b"a new photo of that name"
    (pair.folder / "sub/copy.jpg").unlink()
    assert pair.library.undo().files == 1  # the rest, now that the name is free
    with pytest.raises(ActionError, match="nothing to undo"):
        pair.library.undo()


def test_an_undo_makes_a_folder_again(pair: Album) -> None:
    before = pair.tree()
    pair.library.apply(planned(pair))
    (pair.folder / "sub").rmdir()
    pair.library.undo()
    assert pair.tree() == before


def test_what_was_deleted_for_good_is_said(pair: Album) -> None:
    pair.library.apply(planned(pair, Action.DELETE))
    (run,) = pair.library.history()
    assert (run.files, run.undoable) == (2, 1)
    undone = pair.library.undo()
    assert "for good" in left_words(undone.left_alone)["again.jpg"]


def test_photos_that_went_leave_the_groups_and_come_back(pair: Album) -> None:
    assert len(pair.library.groups()[0].members) == 3
    pair.library.apply(planned(pair))
    assert pair.library.groups() == []
    pair.library.undo()
    assert len(pair.library.groups()[0].members) == 3


def test_a_plan_holds_only_what_would_be_planned_again(pair: Album) -> None:
    plan = planned(pair)
    with pair.library.store(write=True) as store:
        store.set_reference([pair.ids[pair.folder / "sub/copy.jpg"]], True)
    summary = pair.library.apply(plan)
    assert left_words(summary.left_alone) == {"copy.jpg": "it lies in a reference folder"}


def test_two_applies_at_once_are_one(pair: Album) -> None:
    plan = planned(pair)
    with pair.library.store(write=True), pytest.raises(LibraryLockedError):
        Library(pair.library.paths.root).apply(plan)


def test_two_libraries_at_work_on_one_pair_do_not_lose_both(album: Album, tmp_path: Path) -> None:
    one, two = album.file("one.jpg", b"one"), album.file("two.jpg", b"one")
    album.group([Copy(one, None), Copy(two)])
    other = Album(album.folder, Library(tmp_path / "other", device="cpu"))
    other.group([Copy(two, None), Copy(one)])
    plans = planned(album), planned(other)
    done = album.library.apply(plans[0]).photos + other.library.apply(plans[1]).photos
    assert done == 1
    assert sum(path.exists() for path in (one, two)) == 1


@pytest.fixture
def held_by_another(album: Album) -> Iterator[Path]:
    """A file that another dupfind is about to remove: it has its lock."""
    kept = album.file("kept.jpg", b"one")
    program = (
        "import fcntl, sys\nfile = open(sys.argv[1])\nfcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(flush=True)\nsys.stdin.read()"
    )
    words = [sys.executable, "-c", program, str(kept)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield kept
        process.communicate()


def test_what_another_one_is_removing_does_not_count_as_staying(
    album: Album, held_by_another: Path
) -> None:
    copy = album.file("copy.jpg", b"one")
    album.group([Copy(held_by_another, None), Copy(copy)])
    summary = album.library.apply(planned(album))
    assert "another program is at work" in left_words(summary.left_alone)["copy.jpg"]
    assert copy.exists()


def test_the_trash_of_another_system_is_asked_to_bring_back_what_it_has(
    pair: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only macOS and Windows have such a one: this stands in for it.
    taken = tmp_path / "somewhere"
    taken.mkdir()
    stand_in = ModuleType("send2trash")
    stand_in.__dict__["send2trash"] = lambda path: os.rename(path, taken / Path(path).name)  # noqa: PTH104
    monkeypatch.setitem(sys.modules, "send2trash", stand_in)
    monkeypatch.setattr("dupfind.actions.doing._HAS_OWN_TRASH", True)
    before = pair.tree()
    assert pair.library.apply(planned(pair)).photos == 2
    assert set(tree_of(taken)) == {"copy.jpg", "again.jpg"}
    (run,) = pair.library.history()
    assert (run.undoable, run.places) == (0, ())
    assert "the system's trash has it" in pair.library.undo().left_alone[0].reason
    (taken / "copy.jpg").rename(pair.folder / "sub/copy.jpg")
    (taken / "again.jpg").rename(pair.folder / "again.jpg")
    assert pair.library.undo().files == 2
    assert pair.tree() == before
