"""Photos are described in processes as they are in threads, and a lost process loses none."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from engine_helpers import photos_of, results_of, save_album

import dupfind.flows.side_by_side as side_by_side
from dupfind import ClusterOptions, IndexOptions, Library
from dupfind.copies.elsewhere import Elsewhere, Outcomes
from dupfind.flows import clustering
from dupfind.matching.proven import Job
from dupfind.records import Photo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes pay on Linux only")
WORKERS = 3


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return save_album(tmp_path / "album")


def index(root: Path, album: Path, workers: int) -> Library:
    library = Library(root, device="cpu")
    library.index([album], IndexOptions(model="untrained", workers=workers, batch_size=2))
    return library


def test_processes_find_what_threads_find(
    tmp_path: Path, album: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    in_threads = index(tmp_path / "threads", album, 1)
    monkeypatch.setattr(side_by_side, "FEWEST_PHOTOS", 1)
    monkeypatch.setattr(side_by_side, "_begin", begun := Noted(side_by_side._begin))
    in_processes = index(tmp_path / "processes", album, WORKERS)
    assert begun.calls > WORKERS
    assert photos_of(in_processes) == photos_of(in_threads)
    assert not caplog.records


def test_pairs_are_proven_in_processes_as_in_threads(
    tmp_path: Path, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[int] = []
    prove = Elsewhere.prove

    def noted(elsewhere: Elsewhere, photos: Sequence[Photo], jobs: Sequence[Job]) -> Outcomes:
        proven.append(len(jobs))
        return prove(elsewhere, photos, jobs)

    monkeypatch.setattr(clustering, "FEWEST_PAIRS", 1)
    monkeypatch.setattr(Elsewhere, "prove", noted)
    found = []
    for workers in (1, WORKERS):
        library = index(tmp_path / f"{workers}", album, 1)
        library.cluster(ClusterOptions(workers=workers))
        found.append(results_of(library))
    assert sum(proven) > WORKERS
    assert found[0] == found[1]


def test_a_process_that_is_killed_loses_no_photo(
    tmp_path: Path, album: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = photos_of(index(tmp_path / "threads", album, 1))
    monkeypatch.setattr(side_by_side, "FEWEST_PHOTOS", 1)
    monkeypatch.setattr(side_by_side, "do_task", end_at_once)
    with caplog.at_level(logging.WARNING):
        library = index(tmp_path / "processes", album, WORKERS)
    assert "threads go on" in caplog.text
    assert photos_of(library) == wanted


def test_a_script_is_not_run_again_by_the_processes_and_they_end_with_it(
    tmp_path: Path, album: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, sys\n"
        "print('once', flush=True)\n"
        "from dupfind import IndexOptions, Library\n"
        "import dupfind.flows.side_by_side as side_by_side\n"
        "side_by_side.FEWEST_PHOTOS = 1\n"
        "import psutil\n"
        "def tell(step):\n"
        "    if step.phase == 'describe' and step.done:\n"
        "        print(*(one.pid for one in psutil.Process().children(recursive=True)), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "library = Library(sys.argv[1], device='cpu')\n"
        "options = IndexOptions(model='untrained', workers=3, batch_size=1)\n"
        "library.index([sys.argv[2]], options, on_progress=tell)\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "library"), str(album)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    first, children = done.stdout.splitlines()
    assert first == "once"
    pids = [int(pid) for pid in children.split()]
    assert len(pids) > WORKERS
    _, alive = psutil.wait_procs(
        [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], 20
    )
    assert not alive


class Noted:
    """Counts the calls of a function."""

    def __init__(self, function: object) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        return self.function(*arguments)  # type: ignore[operator]


def end_at_once(_: object) -> None:
    """End the process as one that ran out of memory is ended."""
    os.kill(os.getpid(), signal.SIGKILL)
