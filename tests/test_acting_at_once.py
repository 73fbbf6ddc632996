"""Several programs that act at the same moment: each a process of its own, let go together."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from act_helpers import Album, Copy, contents, make_album

from dupfind import Action, Library

COPIES = 12
# Waits for a line on standard input, then acts, and prints what came of it.
ACTS = """
import json, sys
from dupfind import Action, LibraryLockedError, Library
library = Library(sys.argv[1], device="cpu")
plan = library.plan_removal(Action(sys.argv[2]))
print(flush=True)
sys.stdin.readline()
try:
    print(json.dumps({"photos": library.apply(plan).photos}))
except LibraryLockedError as error:
    print(json.dumps({"locked": str(error)}))
"""


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return make_album(tmp_path)


def all_at_once(libraries: list[Path], action: Action) -> list[dict[str, object]]:
    """Let processes act on libraries, each as soon as all of them have planned."""
    words = [sys.executable, "-c", ACTS]
    running = [
        subprocess.Popen(
            [*words, str(root), str(action)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root in libraries
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = []
    for process in running:
        said, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, "")
        found.append(json.loads(said))
    return found


@pytest.mark.parametrize("action", [Action.TRASH, Action.DELETE])
def test_of_applies_on_one_library_each_removal_is_done_once(album: Album, action: Action) -> None:
    kept = album.file("kept.jpg", b"one")
    copies = [album.file(f"copy {number}.jpg", b"one") for number in range(COPIES)]
    album.group([Copy(kept, None), *map(Copy, copies)])
    before = album.tree()
    found = all_at_once([album.library.paths.root] * 3, action)
    done = [one["photos"] for one in found if "photos" in one]
    assert sum(done) == COPIES  # type: ignore[arg-type]
    assert all("locked" in one or "photos" in one for one in found)
    assert set(album.tree()) == {"kept.jpg"}
    while any(run.undoable for run in album.library.history()):
        album.library.undo()
    assert album.tree() == before


@pytest.mark.parametrize("action", [Action.TRASH, Action.DELETE])
def test_libraries_that_disagree_about_what_stays_never_remove_both(
    album: Album, tmp_path: Path, action: Action
) -> None:
    pairs = [
        (album.file(f"{n}a.jpg", b"%d" % n), album.file(f"{n}b.jpg", b"%d" % n))
        for n in range(COPIES)
    ]
    other = Album(album.folder, Library(tmp_path / "other", device="cpu"))
    album.group(*([Copy(a, None), Copy(b)] for a, b in pairs))
    # Backwards, so that the two meet in the middle.
    other.group(*([Copy(b, None), Copy(a)] for a, b in reversed(pairs)))
    found = all_at_once([album.library.paths.root, other.library.paths.root], action)
    left = Counter(data for data, _ in album.tree().values())
    assert set(left) == {b"%d" % n for n in range(COPIES)}
    removed = sum(one["photos"] for one in found)  # type: ignore[misc]
    assert left.total() == 2 * COPIES - removed
    if action is Action.TRASH:
        assert contents(album.folder, tmp_path / "xdg") >= set(left)
