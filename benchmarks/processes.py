"""Run a command as a process of its own and say what it cost. Standard library only.

The parent must stay small: Linux counts its memory at the moment of the fork into the child's peak.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all cores together, peak memory, and what was printed."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str

    @property
    def peak_mib(self) -> float:
        """Peak resident memory in MiB."""
        return self.peak_bytes / 2**20


class CommandError(Exception):
    """The command did not end with status 0; the message is the last line that it printed."""


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Raises:
        CommandError: It failed.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise CommandError((text.splitlines() or [f"status {process.returncode}"])[-1])
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with a title; the first column is text, the others numbers."""
    rule = ["---", *("--:" for _ in columns[1:])]
    lines = [f"| {' | '.join(row)} |" for row in (columns, rule, *rows)]
    return "\n".join([f"**{title}**", "", *lines, ""])
