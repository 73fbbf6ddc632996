"""Where a report goes: standard output, or a file that appears whole or not at all."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from dupfind.errors import ReportError
from dupfind.system import written_whole

STANDARD_OUTPUT = "-"


@contextmanager
def binary_output(target: Path) -> Iterator[BinaryIO]:
    """Open ``target`` for writing; it is replaced only when the block ends without an error.

    Raises:
        ReportError: The file cannot be written (no such folder, no permission, disk full).
    """
    if target.exists() and not target.is_file():  # a pipe or a device: nothing to replace
        with _explained(target), target.open("wb") as stream:
            yield stream
        return
    with _explained(target), written_whole(target) as draft, draft.open("wb") as stream:
        yield stream


@contextmanager
def text_output(target: Path | None) -> Iterator[TextIO]:
    """Open ``target`` (None or ``-``: standard output) for UTF-8 text.

    A surrogate-escaped file name comes out as its own bytes. Raises as ``binary_output``.
    """
    if target is None or str(target) == STANDARD_OUTPUT:
        sys.stdout.flush()
        with _explained("standard output"), _as_text(sys.stdout.buffer) as text:
            yield text
        return
    with binary_output(target) as stream, _as_text(stream) as text:
        yield text


@contextmanager
def _as_text(stream: BinaryIO) -> Iterator[TextIO]:
    """Write UTF-8 to ``stream`` and leave it open."""
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        yield text
        text.flush()
    except OSError:
        # What could not be written must not be tried again, and complained of, at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise
    finally:
        text.detach()


@contextmanager
def _explained(target: Path | str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # who reads has had enough: no error of ours
        raise
    except OSError as error:
        raise ReportError(
            f"cannot write {target} ({error.strerror or error}); choose another place with -o"
        ) from error
