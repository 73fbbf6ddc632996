"""What is asked while a person waits reads rows by an index: no question goes through a whole table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dupfind.config import LibraryPaths
from dupfind.records import Pair, Relation, ScannedFile
from dupfind.review.filters import Filters
from dupfind.review.queries import Cards
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store

PHOTOS = 60
# What does not grow with the photos: lists in the statement, and what was acted on.
SMALL = ("SCAN CONSTANT", "SCAN LIST", "SCAN journal")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LibraryPaths:
    paths = LibraryPaths(tmp_path_factory.mktemp("plans") / ".dupfind")
    with Store.open(paths, write=True) as store:
        model = store.add_model("builtin", "0" * 64, spec={}, dimensions=4)
        store.set_active_model(model.id)
        entries = [
            PhotoEntry(
                ScannedFile(Path(f"/photos/{n}.jpg"), 1, 1, 1, 1, n + 1),
                Content(f"{n:064x}", 4, 3, "JPEG"),
            )
            for n in range(PHOTOS)
        ]
        ids = store.add_batch(Batch(entries), model_id=model.id)
        with store.run("cluster", {}, model_id=model.id) as run:
            pairs = [
                Pair(a, b, 0.5, 0.5, Relation.SIMILAR) for a in ids for b in ids if a < b <= a + 5
            ]
            store.replace_results(run.id, pairs, [])
    return paths


ASKED: dict[str, Callable[[Store], object]] = {
    "the pairs of a photo": lambda store: store.pairs_of(7),
    "the pair of two photos": lambda store: store.pair_between(7, 9),
    "photos by id": lambda store: store.photos_by_id([3, 5]),
    "photos by content": lambda store: store.photos_of_content(f"{7:064x}"),
    "gone photos by content": lambda store: store.all_of_content(f"{7:064x}"),
    "what is known of files": lambda store: store.known_files([Path("/photos/3.jpg")]),
    "names of one file": lambda store: store.paths_at([(1, 5)]),
    "whether a content is described": lambda store: store.has_vector(f"{7:064x}", 1),
    "which contents are described": lambda store: store.contents_with_vector([f"{7:064x}"], 1),
    "groups by id": lambda store: store.groups_by_id([1, 2]),
    "when a content was removed": lambda store: store.removed_on(f"{7:064x}"),
}


def plans(store: Store, ask: Callable[[Store], object]) -> dict[str, list[str]]:
    """Return each statement that is run, with the steps of its plan."""
    seen: list[str] = []
    connection = store.db.conn
    connection.set_trace_callback(seen.append)
    ask(store)
    connection.set_trace_callback(None)
    asked = [one for one in dict.fromkeys(seen) if one.split()[0].upper() in ("SELECT", "WITH")]
    return {
        one: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")] for one in asked
    }


def scans(found: dict[str, list[str]]) -> list[str]:
    return [
        f"{step} in {statement}"
        for statement, steps in found.items()
        for step in steps
        if step.startswith("SCAN") and not step.startswith(SMALL)
    ]


@pytest.mark.parametrize("what", ASKED)
def test_what_is_asked_of_a_library_is_found_by_an_index(what: str, library: LibraryPaths) -> None:
    with Store.open(library) as store:
        found = plans(store, ASKED[what])
        assert found
        assert not scans(found)


def test_this_test_sees_a_scan(library: LibraryPaths) -> None:
    with Store.open(library) as store:
        assert scans(plans(store, lambda one: one.count_photos()))


def test_a_page_of_the_review_reads_its_own_rows(library: LibraryPaths) -> None:
    with Store.open(library) as store:
        cards = Cards(store)
        cards.build()
        for ask in (
            lambda _: cards.page(Filters(), None, 50),
            lambda _: cards.follow([f"{7:064x}"]),
        ):
            found = plans(store, ask)
            assert not [one for one in scans(found) if "cards USING INDEX" not in one]
            assert not [
                step
                for steps in found.values()
                for step in steps
                if "TEMP B-TREE FOR ORDER" in step
            ]
