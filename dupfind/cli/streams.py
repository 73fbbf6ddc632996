"""Standard streams that are closed or whose reader is gone: a clear end, and never a wrong file."""

import os
import sys

CLOSED_READER_STATUS = 141  # 128 + SIGPIPE: what a shell shows for any program that this ends


def fill_standard_streams() -> None:
    """Put something in the place of each standard stream that the caller closed (``>&-``).

    Otherwise the next file that is opened, perhaps the database, would become standard output. What
    is written to a closed standard output fails; what goes to a closed standard error is dropped.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def give_up_standard_output() -> None:
    """Drop what could not be written: Python would try it again, and complain, at the very end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for good
