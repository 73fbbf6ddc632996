"""What is asked of the operating system: cores, and files that appear whole or not at all."""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def usable_cores() -> int:
    """Return how many cores this process may use (containers and taskset are respected)."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Write a file or a folder that appears whole or not at all.

    Gives a path beside ``target`` where the block makes a file or a folder; it takes the place of
    ``target`` when the block ends without an error, and is removed when it ends with one. A link
    stays, and what it points to is replaced. What a killed process left behind goes with the next
    writing of the same target.

    Raises:
        OSError: The folder of ``target`` is missing or cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(target))
    # Each thread of each process has its own: two may write the same cache at once.
    draft = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_native_id()}.new")
    remove_left_over(target.parent, target.name, exact=True)
    try:
        yield draft
        _flush(draft)
        if target.is_dir() and draft.is_dir():
            shutil.rmtree(target)
        draft.replace(target)
    finally:
        _remove(draft)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all. Raises as ``written_whole``."""
    with written_whole(target) as draft:
        draft.write_bytes(data)


def remove_left_over(folder: Path, name: str, *, exact: bool = False) -> None:
    """Remove what killed writers of files in ``folder`` left half written.

    Args:
        folder: What cannot be removed from it stays.
        name: What the names of those files begin with, or the whole of it if ``exact``.
        exact: Whether ``name`` is all of a file's name.
    """
    pattern = re.compile(rf"\.{re.escape(name)}{'' if exact else '.*'}\.(\d+)-(\d+)\.new")
    with suppress(OSError):
        for entry in folder.iterdir():
            writer = pattern.fullmatch(entry.name)
            if writer and not _is_writing(int(writer[1]), int(writer[2])):
                _remove(entry)


def _flush(draft: Path) -> None:
    """Have the data on the disk before the name: else a power cut leaves the name without them."""
    for file in filter(Path.is_file, (draft, *draft.rglob("*"))):
        with file.open("rb+") as stream:  # Windows flushes only what may be written
            os.fsync(stream.fileno())


def _is_writing(process: int, thread: int) -> bool:
    if process == os.getpid():  # numbers come again, in containers nearly always
        others = set(threading.enumerate()) - {threading.current_thread()}
        return thread in {other.native_id for other in others}
    import psutil

    return bool(psutil.pid_exists(process))


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        draft.unlink(missing_ok=True)
