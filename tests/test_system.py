"""Files that appear whole or not at all, whatever ends the writing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dupfind.system import remove_left_over, usable_cores, write_whole, written_whole


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "index.faiss"
    target.write_text("old")
    with written_whole(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there_and_no_draft(tmp_path: Path) -> None:
    target = tmp_path / "index.faiss"
    target.write_text("old")

    def fail() -> None:
        with written_whole(target) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "step-1"
    for content in ("old", "new"):
        with written_whole(target) as draft:
            (draft / "inner").mkdir(parents=True)
            (draft / "inner" / content).write_text(content)
    assert [path.name for path in tmp_path.rglob("*")] == ["step-1", "inner", "new"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "report.html"
    link.symlink_to(tmp_path / "elsewhere" / "page.html")
    write_whole(link, b"page")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "page.html").read_bytes() == b"page"


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from dupfind.system import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as draft:\n"
        "    draft.write_text('half'); print(flush=True); time.sleep(60)"
    )
    target = tmp_path / "report (1) [a].html"
    words = [sys.executable, "-c", code, os.fspath(target)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        write_whole(target, b"meanwhile")
        (draft,) = set(tmp_path.iterdir()) - {target}  # of a living process: stays
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert draft.read_text() == "half"
    other = tmp_path / ".other.html.1-1.new"
    other.touch()
    # Processes of containers have the same number again and again.
    again = tmp_path / f".{target.name}.{os.getpid()}-1.new"
    again.mkdir()
    write_whole(target, b"page")
    assert set(tmp_path.iterdir()) == {target, other}
    assert target.read_bytes() == b"page"


def test_two_threads_may_write_the_same_file_at_once(tmp_path: Path) -> None:
    target = tmp_path / "manifest.json"
    both = threading.Barrier(2, timeout=30)

    def write(text: str) -> None:
        with written_whole(target) as draft:
            draft.write_text(text)
            both.wait()

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_the_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "file", b"")


def test_there_is_at_least_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cores() == os.cpu_count()


def test_what_is_left_of_files_with_other_numbers_is_found_by_how_they_begin(
    tmp_path: Path,
) -> None:
    for name in (".step-7.4999999-1.new", ".stop-7.4999999-1.new", ".step-7.new", "step-7"):
        (tmp_path / name).touch()
    remove_left_over(tmp_path, "step-")
    assert {path.name for path in tmp_path.iterdir()} == {
        ".stop-7.4999999-1.new",
        ".step-7.new",
        "step-7",
    }
