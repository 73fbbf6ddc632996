"""Decisions: what holds, for how long, and what takes it back."""

import json
from pathlib import Path

import pytest
from decision_helpers import add_photos, fill, group_again, shown

from dupfind import Choice, DecisionError, Library, Verb
from dupfind.config import LibraryPaths
from dupfind.store import schema
from dupfind.store.store import Store

DISTINCT = {name: (name, name) for name in "abcdef"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".dupfind"


@pytest.fixture
def library(root: Path) -> Library:
    """Photos a to f, each of its own bytes and picture, in two groups."""
    return fill(root, DISTINCT, [["a", "b", "c"], ["d", "e"]])


def path(name: str) -> str:
    return f"/p/{name}.jpg"


def say(library: Library, verb: Verb, *names: str, others: str = "") -> int:
    choice = Choice(verb, tuple(map(path, names)), tuple(map(path, others)))
    return library.decide([choice], source="test")


def test_a_group_is_open_partly_decided_and_decided(library: Library) -> None:
    assert shown(library) == ["open: a b c", "open: d e"]
    say(library, Verb.KEEP, "a")
    assert shown(library)[0] == "partly: a+ b c"
    say(library, Verb.REMOVE, "b")
    say(library, Verb.REMOVE, "c")
    assert shown(library) == ["decided: a+ b- c-", "open: d e"]


def test_one_call_is_one_step_to_undo(library: Library) -> None:
    batch = library.decide(
        [
            Choice(Verb.KEEP, (path("a"), path("d"))),
            Choice(Verb.REMOVE, (path("b"), path("c"), path("e"))),
        ],
        source="review",
        note="the largest stays",
    )
    assert shown(library) == ["decided: a+ b- c-", "decided: d+ e-"]
    assert {one.note for one in library.decisions(batch=batch)} == {"the largest stays"}
    undone = library.undo_decision()
    assert {one.batch for one in undone} == {batch}
    assert shown(library) == ["open: a b c", "open: d e"]
    assert library.undo_decision() == []


def test_an_undo_is_a_row_and_brings_back_what_held_before(library: Library) -> None:
    say(library, Verb.KEEP, "d")
    second = say(library, Verb.REMOVE, "d")
    assert shown(library)[1] == "decided: e d-"
    library.undo_decision(second)
    assert shown(library)[1] == "partly: d+ e"
    verbs = [(one.verb, one.undoes, one.is_undone) for one in library.decisions()]
    assert verbs == [("undo", second, False), ("mark", None, True), ("mark", None, False)]
    with pytest.raises(DecisionError, match="undone already"):
        library.undo_decision(second)
    with pytest.raises(DecisionError, match="no decision 99"):
        library.undo_decision(99)


def test_a_mark_can_be_cleared(library: Library) -> None:
    say(library, Verb.REMOVE, "e")
    say(library, Verb.CLEAR, "e")
    assert shown(library)[1] == "open: d e"


def test_another_photo_is_kept_than_the_proposed_one(library: Library) -> None:
    library.decide([Choice(Verb.KEEP, (path("e"),)), Choice(Verb.REMOVE, (path("d"),))])
    assert shown(library)[1] == "decided: e+ d-"
    group = library.groups()[1]
    assert group.members[0].relation == "original"
    assert group.members[1].relation == "reencoded"
    assert group.reclaimable_bytes == 1000
    assert [(one.path, one.kept_path) for one in library.decided_removals()] == [
        (Path(path("d")), Path(path("e")))
    ]
    decided = library.decided(group)
    assert decided.kept == group.keep.photo_id
    assert decided.going == {group.members[1].photo_id}


def test_keep_all_settles_a_group_and_only_a_new_member_opens_it(library: Library) -> None:
    say(library, Verb.KEEP_ALL, "b")
    assert shown(library) == ["settled: a+ b+ c+", "open: d e"]
    with library.store(write=True) as store:
        group_again(store, [["b", "c"], ["a", "d", "e"]])
    assert shown(library) == ["settled: b+ c+", "partly: a+ d e"]
    with library.store(write=True) as store:
        group_again(store, [["a", "b", "c", "f"]])
    assert shown(library) == ["partly: a+ b+ c+ f"]


def test_two_settled_sets_that_grow_together_are_a_new_question(library: Library) -> None:
    say(library, Verb.KEEP_ALL, "a")
    say(library, Verb.KEEP_ALL, "d")
    with library.store(write=True) as store:
        group_again(store, [["a", "b", "c", "d", "e"]])
    assert shown(library) == ["partly: a+ b+ c+ d+ e+"]


def test_another_copy_of_the_same_bytes_is_a_new_member(root: Path) -> None:
    library = fill(root, {"a": ("1", "1"), "b": ("2", "2")}, [["a", "b"]])
    say(library, Verb.KEEP_ALL, "a")
    with library.store(write=True) as store:
        add_photos(store, {"again": ("1", "1")})
        group_again(store, [["a", "b", "again"]])
    assert shown(library) == ["partly: a+ b+ again"]


def test_of_two_files_with_the_same_bytes_the_named_one_goes(root: Path) -> None:
    library = fill(root, {"a": ("1", "1"), "b": ("1", "1"), "c": ("1", "1")}, [["a", "b", "c"]])
    library.decide([Choice(Verb.KEEP, (path("b"),)), Choice(Verb.REMOVE, (path("a"), path("c")))])
    assert shown(library) == ["decided: b+ a- c-"]


def test_what_is_put_off_waits_until_something_is_new(library: Library) -> None:
    say(library, Verb.LATER, "d")
    assert shown(library)[1] == "later: d e"
    with library.store(write=True) as store:
        group_again(store, [["d", "e", "f"]])
    assert shown(library) == ["open: d e f"]
    say(library, Verb.LATER, "d")
    say(library, Verb.REMOVE, "e")
    assert shown(library) == ["partly: d e- f"]


def test_photos_told_apart_leave_the_group_at_once(library: Library) -> None:
    say(library, Verb.NOT_DUPLICATES, "d", "e")
    say(library, Verb.NOT_DUPLICATES, "c")
    assert shown(library) == ["open: a b"]
    library.undo_decision()
    assert shown(library) == ["open: a b c"]


def test_one_photo_is_told_apart_from_named_others_only(library: Library) -> None:
    say(library, Verb.NOT_DUPLICATES, "a", others="c")
    assert shown(library)[0] == "open: a b"
    with library.store(write=True) as store:
        rows = [(row, photo.sha256, "") for row, photo in enumerate(store.photos())]
        assert store.apart_rows(rows) == {(0, 2)}
        group_again(store, [["b", "a", "c"]])  # both are copies of b; a stands first
    assert shown(library) == ["open: b a"]


def test_nothing_is_concluded_through_a_third_photo(library: Library) -> None:
    say(library, Verb.NOT_DUPLICATES, "a", others="b")
    with library.store(write=True) as store:
        group_again(store, [["b", "c"], ["a", "d"]])
    assert shown(library) == ["open: b c", "open: a d"]


@pytest.mark.parametrize("view", ["", "another-"])
def test_decisions_survive_a_metadata_edit_and_another_model(root: Path, view: str) -> None:
    library = fill(root, DISTINCT, [["a", "b", "c"], ["d", "e"]])
    library.decide([Choice(Verb.KEEP, (path("a"),)), Choice(Verb.REMOVE, (path("b"),))])
    say(library, Verb.NOT_DUPLICATES, "d", "e")
    with library.store(write=True) as store:
        if view:  # a model that looks at pictures of another size has other hashes of their pixels
            add_photos(store, DISTINCT, view=view)
        add_photos(store, {name: (name.upper(), name) for name in "abde"}, view=view)
        group_again(store, [["a", "b"], ["d", "e"]])
    assert shown(library) == ["decided: a+ b-"]
    assert library.came_back() == []


def test_decisions_survive_a_move_of_all_files(library: Library) -> None:
    library.decide([Choice(Verb.KEEP, (path("b"),)), Choice(Verb.REMOVE, (path("a"), path("c")))])
    with library.store(write=True) as store:
        store.start_sightings()
        store.remove_unseen([Path("/p")])
        add_photos(store, {f"moved-{name}": (name, name) for name in "abc"})
        group_again(store, [["moved-a", "moved-b", "moved-c"]])
    assert shown(library) == ["decided: moved-b+ moved-a- moved-c-"]


def test_another_file_with_the_same_picture_is_not_removed(library: Library) -> None:
    library.decide([Choice(Verb.KEEP, (path("d"),)), Choice(Verb.REMOVE, (path("e"),))])
    with library.store(write=True) as store:
        add_photos(store, {"scan": ("9", "e")})
        group_again(store, [["d", "e", "scan"]])
    assert shown(library) == ["partly: d+ e- scan"]


def test_a_removal_holds_only_while_what_was_kept_stays(library: Library) -> None:
    library.decide([Choice(Verb.KEEP, (path("a"),)), Choice(Verb.REMOVE, (path("b"), path("c")))])
    assert len(library.decided_removals()) == 2
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET is_missing = 1 WHERE path = ?", [path("a")])
    assert library.decided_removals() == []
    with library.store(write=True) as store:
        group_again(store, [["b", "c", "f"]])
    assert shown(library) == ["open: b c f"]


def test_what_was_removed_and_is_back_is_said(library: Library) -> None:
    library.decide([Choice(Verb.KEEP, (path("d"),)), Choice(Verb.REMOVE, (path("e"),))])
    with library.store(write=True) as store:
        store.db.execute("UPDATE decisions SET decided_at = '2026-05-03T10:00:00+00:00'")
        store.db.execute("UPDATE photos SET appeared_at = '2026-01-01T10:00:00+00:00'")
        add_photos(store, {"e2": ("e", "e")})
        assert store.came_back() == []  # e itself is still there
        store.db.execute("UPDATE photos SET is_missing = 1 WHERE path = ?", [path("e")])
        group_again(store, [["d", "e2"]])
        assert store.removed_on("e" * 64) == "2026-05-03T10:00:00+00:00"
    (back,) = library.came_back()
    assert (back.path, back.removed_at[:10]) == (Path(path("e2")), "2026-05-03")
    (group,) = library.groups()
    assert group.members[1].removed_at == back.removed_at
    kept = group.members[0]
    assert (kept.decided_at, kept.removed_at) == ("2026-05-03T10:00:00+00:00", None)
    assert shown(library) == ["decided: d+ e2-"]


def test_what_makes_no_sense_is_refused_and_nothing_is_recorded(root: Path) -> None:
    looks = DISTINCT | {"twin": ("a", "a")}
    library = fill(root, looks, [["a", "b", "twin"], ["d", "e"]])
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET is_reference = 1 WHERE path = ?", [path("e")])
    refused = {
        "nothing would stay": [Choice(Verb.REMOVE, (path("a"), path("b"), path("twin")))],
        "in no group": [Choice(Verb.KEEP, (path("f"),))],
        "not in the library": [Choice(Verb.KEEP, ("/elsewhere.jpg",))],
        "there is no photo 99": [Choice(Verb.KEEP, (99,))],
        "same bytes": [Choice(Verb.NOT_DUPLICATES, (path("a"), path("twin")))],
        "nothing to decide": [],
        "reference": [Choice(Verb.REMOVE, (path("e"),))],
    }
    for words, choices in refused.items():
        with pytest.raises(DecisionError, match=words):
            library.decide(choices)
    say(library, Verb.REMOVE, "a", "b")
    with pytest.raises(DecisionError, match="nothing would stay"):
        say(library, Verb.REMOVE, "twin")
    assert len(library.decisions()) == 1


def test_decisions_are_taken_beside_a_writer(library: Library) -> None:
    with library.store(write=True):
        say(library, Verb.KEEP_ALL, "d")
    assert shown(library)[1] == "settled: d+ e+"


def test_decisions_go_to_another_library_as_json(library: Library, tmp_path: Path) -> None:
    library.decide([Choice(Verb.KEEP, (path("b"),)), Choice(Verb.REMOVE, (path("a"),))], note="why")
    say(library, Verb.NOT_DUPLICATES, "d", "e")
    say(library, Verb.LATER, "b")
    library.undo_decision()
    exported = json.loads(json.dumps(library.export_decisions()))
    assert [one["verb"] for one in exported["decisions"]] == ["mark", "not-duplicates"]
    looks = {name.upper(): look for name, look in DISTINCT.items()}  # the same photos elsewhere
    other = fill(tmp_path / "other", looks, [["A", "B", "C"], ["D", "E"]])
    assert other.import_decisions(exported).decisions == 2
    assert shown(other) == ["partly: B+ A- C"]
    again = other.import_decisions(exported)
    assert (again.decisions, again.already_known, again.batch) == (0, 2, None)
    other.undo_decision()
    assert shown(other) == ["open: A B C", "open: D E"]


@pytest.mark.parametrize(
    ("exported", "words"),
    [
        ([], "no export"),
        ({"version": 2, "decisions": []}, "version 2"),
        ({"version": 1, "decisions": [{"verb": "mark"}]}, "damaged"),
        ({"version": 1, "decisions": [{"verb": "burn", "decided_at": "", "contents": []}]}, "burn"),
    ],
)
def test_an_import_that_is_none_is_refused(library: Library, exported: object, words: str) -> None:
    with pytest.raises(DecisionError, match=words):
        library.import_decisions(exported)
    assert library.decisions() == []


def test_the_list_goes_back_page_by_page(library: Library) -> None:
    for name in "abcde":
        say(library, Verb.KEEP, name)
    newest = library.decisions(limit=2)
    older = library.decisions(limit=10, before=newest[-1].id)
    assert [one.id for one in (*newest, *older)] == [5, 4, 3, 2, 1]
    assert [one.role for one in older[-1].contents] == ["keep", "other", "other"]


def test_a_library_of_an_older_dupfind_is_brought_up_to_date_by_reading(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:3])
        Store.open(LibraryPaths(root), write=True).close()
    assert Library(root).decisions() == []
    with Store.open_to_decide(LibraryPaths(root)) as store:
        assert schema.schema_version(store.db) == len(schema.MIGRATIONS)
