"""Progress: a bar with rate and time left on a terminal, a plain line now and then elsewhere."""

import sys
import time
from types import TracebackType

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from dupfind.progress import Step

_PLAIN_EVERY_S = 5.0
# Phase -> what is done, and to what.
_WORDS: dict[str, tuple[str, str]] = {
    "scan": ("Scanning", "files"),
    "describe": ("Describing", "photos"),
    "features": ("Reading parts", "photos"),
    "prove": ("Proving", "pairs"),
    "calibrate": ("Calibrating", "photos"),
    "more": ("Proving more", "pairs"),
    "look": ("Looking closer", "pairs"),
    "pictures": ("Making the pictures", "pictures"),
}


class ProgressDisplay:
    """Shows the steps of a run on standard error; a context manager that is called with each step.

    with ProgressDisplay() as display:
        library.index(folders, on_progress=display)
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._phase = ""
        self._started = self._printed = time.monotonic()
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
        if step.phase != self._phase:
            self._phase = step.phase
            self._started = self._printed = time.monotonic()
            self._task = None
        if self._bar is not None:
            self._show_bar(self._bar, step)
        elif time.monotonic() - self._printed >= _PLAIN_EVERY_S:
            self._printed = time.monotonic()
            click.echo(self._line(step), err=True)

    def _show_bar(self, bar: Progress, step: Step) -> None:
        if self._task is None:
            for task in bar.task_ids:
                bar.remove_task(task)
            self._task = bar.add_task(_words(step)[0], total=step.total, rate="")
        bar.update(
            self._task, completed=step.done, total=step.total, rate=f"{self._rate(step):,.0f}/s"
        )

    def _line(self, step: Step) -> str:
        rate = self._rate(step)
        words, unit = _words(step)
        if step.total is None:
            return f"{words}: {step.done:,} {unit} ({rate:,.0f}/s)"
        left = (step.total - step.done) / rate if rate else 0.0
        return (
            f"{words}: {step.done:,} of {step.total:,} {unit} "
            f"({rate:,.0f}/s, {_duration(left)} left)"
        )

    def _rate(self, step: Step) -> float:
        return step.done / max(time.monotonic() - self._started, 1e-6)


def _words(step: Step) -> tuple[str, str]:
    """Say what is done, and to what."""
    return _WORDS.get(step.phase, (step.phase, "photos"))


def _bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
