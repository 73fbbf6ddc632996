"""The database: batches, moves, results, locks, and what is said when it fails."""

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dupfind.config import LibraryPaths
from dupfind.errors import DescriptorError, LibraryError, LibraryLockedError
from dupfind.evidence import Evidence
from dupfind.records import Advice, Group, Member, Pair, Reason, Relation, ScannedFile
from dupfind.store import schema
from dupfind.store.cache import BlobCache
from dupfind.store.photos import Batch, Content, ErrorEntry, PhotoEntry
from dupfind.store.store import Store

A_SHA, B_SHA, C_SHA = "a" * 64, "b" * 64, "c" * 64


def entry(path: str | Path, sha256: str = A_SHA, **changes: Any) -> PhotoEntry:
    return PhotoEntry(
        ScannedFile(Path(path), 100, 1_000),
        Content(sha256, 40, 30, "JPEG", None, 2, "f" * 64),
        **changes,
    )


def vector(value: float, dimensions: int = 4) -> np.ndarray:
    return np.full(dimensions, value, np.float16)


@pytest.fixture
def paths(tmp_path: Path) -> LibraryPaths:
    return LibraryPaths(tmp_path / ".dupfind")


@pytest.fixture
def store(paths: LibraryPaths):
    with Store.open(paths, write=True) as opened:
        yield opened


def add_model(store: Store, name: str = "one") -> int:
    return store.add_model(name, name * 8, spec={"view_px": 160}, dimensions=4).id


def test_photos_come_back_as_they_were_written(store: Store) -> None:
    (photo_id,) = store.add_batch(Batch([entry("/p/ä b.jpg", is_reference=True)]))
    (photo,) = store.photos()
    assert store.photos_by_id([photo_id]) == {photo_id: photo}
    assert photo.path == Path("/p/ä b.jpg")
    assert (photo.sha256, photo.width, photo.height, photo.format) == (A_SHA, 40, 30, "JPEG")
    assert (photo.exif_tags, photo.is_reference, photo.pixels_sha256) == (2, True, "f" * 64)


@pytest.mark.parametrize("has_alpha", [False, True])
def test_whether_a_photo_is_transparent_is_kept(store: Store, has_alpha: bool) -> None:
    made = entry("/p/1.png")
    store.add_batch(Batch([replace(made, content=replace(made.content, has_alpha=has_alpha))]))
    assert [photo.has_alpha for photo in store.photos()] == [has_alpha]


def test_a_path_that_is_not_utf8_is_stored_as_its_bytes_and_others_as_text(store: Store) -> None:
    raw = b"/p/caf\xe9\n.jpg"
    store.add_batch(Batch([entry(os.fsdecode(raw)), entry("/p/café.jpg")]))
    columns = [row[0] for row in store.db.execute("SELECT path FROM photos ORDER BY id")]
    assert columns == [raw, "/p/café.jpg"]
    assert os.fsencode(next(store.photos()).path) == raw


def test_one_descriptor_serves_every_copy_of_the_bytes(store: Store) -> None:
    model_id = add_model(store)
    entries = [entry("/p/1"), entry("/p/2"), entry("/p/3", B_SHA)]
    store.add_batch(
        Batch(entries, vectors=[(A_SHA, vector(1)), (B_SHA, vector(2))]), model_id=model_id
    )
    ids, matrix = store.vectors(model_id)
    assert ids.tolist() == [1, 3]
    assert matrix.dtype == np.float16
    assert matrix[:, 0].tolist() == [1, 2]
    rows = store.db.execute("SELECT photo_id, vector FROM descriptors ORDER BY photo_id").fetchall()
    assert [row[0] for row in rows] == [1, 2, 3]
    assert rows[1][1] == vector(1).astype("<f2").tobytes()


def test_models_never_mix(store: Store) -> None:
    one, two = add_model(store, "one"), add_model(store, "two")
    store.add_batch(Batch([entry("/p/1")], vectors=[(A_SHA, vector(1))]), model_id=one)
    store.add_batch(Batch([entry("/p/2", B_SHA)], vectors=[(B_SHA, vector(2))]), model_id=two)
    assert store.vectors(one)[0].tolist() == [1]
    assert store.vectors(two)[0].tolist() == [2]
    assert store.add_model("one again", "one" * 8, spec={}, dimensions=4).id == one
    store.set_active_model(two)
    active = store.active_model()
    assert active is not None
    assert active.name == "two"


def test_a_descriptor_of_the_wrong_length_is_refused(store: Store) -> None:
    model_id = add_model(store)
    store.add_batch(Batch([entry("/p/1")], vectors=[(A_SHA, vector(1, 3))]), model_id=model_id)
    with pytest.raises(DescriptorError, match="6 bytes instead of 8"):
        store.vectors(model_id)


def test_a_batch_is_written_whole_or_not_at_all(paths: LibraryPaths) -> None:
    with pytest.raises(LibraryError), Store.open(paths, write=True) as store:
        # The vector belongs to a model that does not exist: the last statement fails.
        store.add_batch(Batch([entry("/p/1")], vectors=[(A_SHA, vector(1))]), model_id=77)
    with Store.open(paths) as store:
        assert store.count_photos() == 0


def test_a_moved_photo_keeps_its_id(store: Store) -> None:
    (photo_id,) = store.add_batch(Batch([entry("/p/old.jpg")]))
    assert store.add_batch(Batch([entry("/q/new.jpg", photo_id=photo_id)])) == [photo_id]
    assert [photo.path for photo in store.photos()] == [Path("/q/new.jpg")]


def test_what_a_scan_does_not_meet_is_missing_until_it_comes_back(store: Store) -> None:
    store.add_batch(Batch([entry(f"/p/{n}", c * 64) for n, c in enumerate("abc")]))
    store.add_batch(Batch([entry("/other/x", "d" * 64)], [ErrorEntry(Path("/p/bad"), "broken")]))
    store.start_sightings()
    store.add_sightings([Path("/p/0")])
    assert store.remove_unseen([Path("/p")], unreadable=[Path("/p/none")]) == 2
    assert [str(photo.path) for photo in store.photos()] == ["/p/0", "/other/x"]
    assert list(store.errors()) == []
    store.add_batch(Batch([entry("/p/1", B_SHA)]))
    assert store.count_photos() == 3


def test_an_unreadable_folder_removes_nothing(store: Store) -> None:
    store.add_batch(Batch([entry("/p/closed/1"), entry("/p/open/2", B_SHA)]))
    store.start_sightings()
    assert store.remove_unseen([Path("/p")], unreadable=[Path("/p/closed")]) == 1
    assert [str(photo.path) for photo in store.photos()] == ["/p/closed/1"]


def test_an_error_is_known_until_its_file_is_read(store: Store) -> None:
    file = ScannedFile(Path("/p/1"), 7, 8)
    store.add_batch(Batch(errors=[ErrorEntry(file.path, "truncated", file)]))
    known = store.known_files([file.path, Path("/p/unknown")])
    assert list(known) == [file.path]
    assert (known[file.path].size_bytes, known[file.path].reason) == (7, "truncated")
    store.add_batch(Batch([entry("/p/1")]))
    assert list(store.errors()) == []
    assert store.known_files([file.path])[file.path].photo_id == 1


def pair(a: int, b: int, probability: float = 0.9) -> Pair:
    return Pair(a, b, 0.8, probability, Relation.CROPPED, Evidence(crop_share=0.5))


def group(*photo_ids: int) -> Group:
    members = tuple(
        Member(
            photo_id,
            i == 0,
            "original" if i == 0 else "cropped",
            0.8,
            0.9,
            advice=Advice.REMOVE if i else Advice.KEEP,
            reasons=(Reason.REDUCED, Reason.MIRRORED) if i else (Reason.SOURCE,),
        )
        for i, photo_id in enumerate(photo_ids)
    )
    return Group(1, members, 0.7, 100 * (len(members) - 1), (7, 9))


@pytest.fixture
def clustered(store: Store) -> Store:
    store.add_batch(Batch([entry(f"/p/{n}", c * 64) for n, c in enumerate("abc")]))
    run_id = store.start_run("cluster", {"level": "copy"})
    pairs = [pair(1, 2, 0.5), pair(1, 3, 0.99), pair(2, 3)]
    assert store.replace_results(run_id, iter(pairs), iter([group(1, 2, 3)])) == (3, 1)
    return store


def test_results_come_back_and_replace_the_earlier_ones(clustered: Store) -> None:
    assert [p.probability for p in clustered.pairs()] == [0.99, 0.9, 0.5]
    assert list(clustered.groups()) == [group(1, 2, 3)]
    run_id = clustered.start_run("cluster", {})
    clustered.replace_results(run_id, [pair(2, 3)], [])
    assert list(clustered.pairs()) == [pair(2, 3)]
    assert list(clustered.groups()) == []


def test_a_reason_that_only_a_newer_dupfind_knows_is_left_out(clustered: Store) -> None:
    clustered.db.execute('UPDATE group_members SET reasons = \'["moonlit","source"]\'')
    (found,) = clustered.groups()
    assert {member.reasons for member in found.members} == {(Reason.SOURCE,)}


def test_results_that_fail_half_way_leave_the_earlier_ones(clustered: Store) -> None:
    def broken():
        yield pair(1, 2)
        raise ValueError("the matcher failed")

    with pytest.raises(ValueError, match="matcher"):
        clustered.replace_results(1, broken(), [])
    assert list(clustered.groups()) == [group(1, 2, 3)]


def test_deleted_photos_leave_the_groups(clustered: Store) -> None:
    clustered.start_sightings()
    clustered.add_sightings([Path("/p/1"), Path("/p/2")])
    clustered.remove_unseen([Path("/p")])
    (left,) = clustered.groups()
    assert [member.photo_id for member in left.members] == [2, 3]
    assert left.keep.relation == "original"
    assert left.members[1].relation == "cropped"
    assert left.members[1].advice is Advice.LOOK  # nothing compared it with the photo kept now
    assert left.reclaimable_bytes == 0
    clustered.start_sightings()
    clustered.remove_unseen([Path("/p/none")])
    assert [(p.photo_a, p.photo_b) for p in clustered.pairs()] == [(2, 3)]


def test_the_next_kept_photo_is_described_from_its_own_side(store: Store) -> None:
    store.add_batch(Batch([entry(f"/p/{n}", c * 64) for n, c in enumerate("abc")]))
    # Photo 2 is a part of photo 1; photo 3 was kept and is gone, and 2 comes before 1.
    crop = Evidence(scale=0.5, part="b", crop_box=(0.0, 0.0, 0.5, 0.5))
    pairs = [Pair(1, 2, 0.8, 0.9, Relation.CROPPED, crop), pair(1, 3), pair(2, 3)]
    members = (
        Member(3, True, "original", 1.0, 1.0),
        Member(2, False, "cropped", 0.8, 0.9),
        Member(1, False, "cropped", 0.8, 0.9, Evidence(unit="raw+jpeg")),
    )
    run_id = store.start_run("cluster", {})
    store.replace_results(run_id, pairs, [Group(1, members, 0.7, 100)])
    store.start_sightings()
    store.add_sightings([Path("/p/0"), Path("/p/1")])
    store.remove_unseen([Path("/p")])
    (left,) = store.groups()
    kept, member = left.members
    assert (kept.photo_id, kept.keep, member.photo_id) == (2, True, 1)
    assert member.evidence == Evidence(
        scale=2.0, part="a", crop_box=(0.0, 0.0, 0.5, 0.5), unit="raw+jpeg"
    )


def test_a_changed_photo_loses_the_results_about_its_old_content(clustered: Store) -> None:
    clustered.add_batch(Batch([entry("/p/1", "e" * 64)]))
    assert [(p.photo_a, p.photo_b) for p in clustered.pairs()] == [(1, 3)]
    assert [m.photo_id for g in clustered.groups() for m in g.members] == [1, 3]


def test_a_step_of_the_tables_may_hold_triggers_and_quoted_semicolons(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = """
        CREATE TABLE notes (note TEXT); -- one table; no more
        CREATE TRIGGER noted AFTER INSERT ON settings BEGIN
            INSERT INTO notes SELECT 'a; b';
            UPDATE notes SET note = note || '; c';
        END;
        INSERT INTO settings VALUES ('step', 'two')
    """
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    schema.migrate(store.db)
    assert list(store.db.execute("SELECT note FROM notes")) == [("a; b; c",)]
    assert schema.schema_version(store.db) == len(schema.MIGRATIONS)


def test_a_step_of_the_tables_that_fails_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema.schema_version(store.db)
    step = "CREATE TABLE notes (note TEXT); INSERT INTO no_such_table VALUES (1);"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with pytest.raises(sqlite3.OperationalError, match="no_such_table"):
        schema.migrate(store.db)
    assert schema.schema_version(store.db) == before
    assert not store.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchall()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (LibraryError("the disk is full"), "failed", "the disk is full"),
        (KeyError("no such thing"), "failed", "'no such thing'"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
def test_a_run_says_how_it_ended(
    store: Store, error: BaseException, status: str, words: str
) -> None:
    def go_wrong() -> None:
        with store.run("cluster", {"level": "copy"}) as run:
            assert store.runs("cluster")[0].status == "running"
            run.summary = {"so far": 3}
            raise error

    with pytest.raises(type(error)):
        go_wrong()
    (ended,) = store.runs("cluster")
    assert (ended.status, ended.summary) == (status, {"so far": 3, "error": words})
    assert ended.finished_at is not None
    assert store.latest_run("cluster") is None
    for number in (1, 2):
        with store.run("cluster", {}) as run:
            run.summary = {"number": number}
    with store.run("index", {}):
        pass
    latest = store.latest_run("cluster")
    assert latest is not None
    assert latest.summary == {"number": 2}


def test_runs_calibrations_and_metrics_are_kept(store: Store) -> None:
    model_id = add_model(store)
    run_id = store.start_run("train", {"epochs": 2}, model_id=model_id)
    assert store.latest_run("train") is None
    store.add_metrics(run_id, 10, {"loss": 1.5})
    store.finish_run(run_id, {"path": Path("/x")})
    run = store.latest_run("train")
    assert run is not None
    assert (run.options, run.summary, run.status) == ({"epochs": 2}, {"path": "/x"}, "done")
    assert store.metrics(run_id, "loss") == [(10, 1.5)]
    assert store.latest_calibration(model_id) is None
    store.save_calibration(model_id, {"threshold": 0.5})
    store.save_calibration(model_id, {"threshold": 0.6})
    assert store.latest_calibration(model_id) == {"threshold": 0.6}


def test_a_second_writer_is_told_who_writes_and_readers_are_not_blocked(
    store: Store, paths: LibraryPaths
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from dupfind.config import LibraryPaths; from dupfind.store.store import Store\n"
        "paths = LibraryPaths(Path(sys.argv[1]))\n"
        "with Store.open(paths) as store: print(store.count_photos())\n"
        "Store.open(paths, write=True)\n"
    )
    store.add_batch(Batch([entry("/p/1")]))
    with store.db.atomic():
        store.set_setting("a write", "is under way")
        done = subprocess.run(
            [sys.executable, "-c", code, paths.root], capture_output=True, text=True, check=False
        )
    assert done.stdout == "1\n"
    assert "LibraryLockedError" in done.stderr
    assert f"process {os.getpid()};" in done.stderr


def test_the_lock_of_a_killed_process_does_no_harm(paths: LibraryPaths) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from dupfind.config import LibraryPaths; from dupfind.store.store import Store\n"
        "store = Store.open(LibraryPaths(Path(sys.argv[1])), write=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, paths.root], check=False)
    assert done.returncode == -9
    assert (paths.root / "lock").exists()
    with Store.open(paths, write=True) as store:
        with pytest.raises(LibraryLockedError):
            Store.open(paths, write=True)
        assert store.count_photos() == 0


def test_one_file_is_known_by_all_its_names(store: Store) -> None:
    def numbered(path: str, inode: int) -> PhotoEntry:
        return replace(entry(path), file=ScannedFile(Path(path), 100, 1_000, 5, 7, inode))

    store.add_batch(Batch([numbered("/p/a", 1), numbered("/q/a", 1), numbered("/p/b", 2)]))
    assert store.paths_at([(7, 1), (7, 9), (0, 0)]) == {(7, 1): ["/p/a", "/q/a"]}
    assert store.paths_at([(8, 1)]) == {}


def test_a_missing_library_is_one_clear_line(paths: LibraryPaths) -> None:
    with pytest.raises(LibraryError, match=r"there is no library in .*dupfind index PHOTOS"):
        Store.open(paths)


def test_a_damaged_database_is_one_clear_line(paths: LibraryPaths) -> None:
    paths.root.mkdir()
    paths.database.write_bytes(b"this is no database, " * 100)
    for write in (True, False):
        with pytest.raises(LibraryError, match="damaged"):
            Store.open(paths, write=write)


def test_a_schema_that_is_no_text_is_damage(store: Store, paths: LibraryPaths) -> None:
    with store.features() as cache:
        cache.put_blobs("sift", {A_SHA: b"1"})
    store.close()
    for file in (paths.database, paths.cache / "features.db"):
        whole = file.read_bytes()
        assert b"CREATE TABLE" in whole
        file.write_bytes(whole.replace(b"CREATE TABLE", b"CREATE T\x8fBLE"))
    for write in (True, False):
        with pytest.raises(LibraryError, match="is damaged; restore it"):
            Store.open(paths, write=write)
    with BlobCache(paths.cache / "features.db") as cache:
        assert cache.get_blobs("sift", [A_SHA]) == {}
        cache.put_blobs("sift", {A_SHA: b"2"})
        assert cache.get_blobs("sift", [A_SHA]) == {A_SHA: b"2"}


def test_damage_that_shows_later_is_one_clear_line_too(paths: LibraryPaths) -> None:
    with Store.open(paths, write=True) as store:
        store.add_batch(Batch([entry(f"/p/{n}", f"{n:064}") for n in range(500)]))
    damaged = bytearray(paths.database.read_bytes())
    damaged[8192:] = b"\xff" * len(damaged[8192:])
    paths.database.write_bytes(damaged)
    with pytest.raises(LibraryError, match="damaged"), Store.open(paths) as store:
        list(store.photos())


def test_a_library_of_a_newer_dupfind_is_refused(paths: LibraryPaths) -> None:
    with Store.open(paths, write=True) as store:
        store.db.execute("PRAGMA user_version = 1000")
    for write in (True, False):
        with pytest.raises(LibraryError, match="newer dupfind"):
            Store.open(paths, write=write)


def test_the_cache_may_be_deleted_or_damaged_at_any_time(store: Store, paths: LibraryPaths) -> None:
    with store.features() as cache:
        cache.put_blobs("sift", {A_SHA: b"1", B_SHA: b"2"})
        assert cache.get_blobs("sift", [A_SHA, C_SHA]) == {A_SHA: b"1"}
        assert cache.get_blobs("other", [A_SHA]) == {}
    with store.features() as cache:
        assert cache.get_blobs("sift", [B_SHA]) == {B_SHA: b"2"}
    (paths.cache / "features.db").write_bytes(b"rubbish" * 1000)
    with store.features() as cache:
        assert cache.get_blobs("sift", [A_SHA]) == {}
        cache.put_blobs("sift", {A_SHA: b"3"})
    with store.features() as cache:
        assert cache.get_blobs("sift", [A_SHA]) == {A_SHA: b"3"}


def test_the_file_opens_with_plain_sqlite(store: Store, paths: LibraryPaths) -> None:
    store.add_batch(Batch([entry("/p/1")]))
    connection = sqlite3.connect(paths.database)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    named = "photos descriptors models calibrations runs pairs duplicate_groups group_members"
    assert tables > set(named.split()) | {"decisions", "journal", "errors"}
