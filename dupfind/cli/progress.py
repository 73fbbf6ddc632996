"""Progress: one bar for a run with rate and time left on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from dupfind.cli.time_left import TimeLeft, words_of
from dupfind.progress import Step

_PLAIN_EVERY_S = 5.0


class ProgressDisplay:
    """Shows the steps of a run on standard error; a context manager that is called with each step.

    with ProgressDisplay(phases=INDEX) as display:
        library.index(folders, on_progress=display)
    """

    def __init__(self, *, quiet: bool = False, phases: Sequence[str] = ()) -> None:
        self.quiet = quiet
        self._time = TimeLeft(phases)
        self._phase = ""
        self._printed = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty() and not quiet:
            self._bar = _bar()

    def __enter__(self) -> "ProgressDisplay":
        """Begin to show."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, step: Step) -> None:
        """Show one step."""
        if self.quiet:
            return
        self._time.note(step)
        if self._bar is not None:
            self._show_bar(self._bar, step)
        elif time.monotonic() - self._printed >= _PLAIN_EVERY_S:
            self._printed = time.monotonic()
            click.echo(self._line(step), err=True)

    def _show_bar(self, bar: Progress, step: Step) -> None:
        if self._task is None:
            self._task = bar.add_task("", total=None, rest="")
        share = self._time.share()
        bar.update(
            self._task,
            description=words_of(step),
            total=None if share is None else 1.0,
            completed=share or 0.0,
            rest=self._rest(),
        )

    def _line(self, step: Step) -> str:
        return f"{words_of(step)} ({self._rest()})"

    def _rest(self) -> str:
        """Say how fast it goes and how long it will go on, until the run is over."""
        rate, left = self._time.rate, self._time.seconds()
        speed = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
        return speed if left is None else f"{speed}, {_duration(left)} left"


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rest]}"),
        console=Console(stderr=True),
        transient=True,
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
