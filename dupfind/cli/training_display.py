"""What `dupfind train` shows while it runs: one live line on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from dupfind import EpochMetrics, TrainCallbacks, TrainProgress

_PLAIN_EVERY_S = 30.0


class TrainingDisplay:
    """A context manager; ``callbacks`` go to ``Library.train``."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
        self._is_live = sys.stderr.isatty() and not quiet
        self._printed = time.monotonic()

    @property
    def callbacks(self) -> "TrainCallbacks":
        """What to call with photos decoded, steps, and looks of the monitor."""
        from dupfind import TrainCallbacks

        return TrainCallbacks(self._decoded, self._step, self._metrics)

    def __enter__(self) -> "TrainingDisplay":
        """Begin to show."""
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._is_live:
            self._live.stop()

    def _decoded(self, done: int, total: int) -> None:
        self._show(f"Reading photos: {done:,} of {total:,}")

    def _step(self, progress: "TrainProgress") -> None:
        line = (
            f"Training: {progress.share:.1%}, epoch {progress.epoch + 1}, step {progress.step:,}, "
            f"loss {progress.loss:.3f}, {progress.photos_per_s:,.0f} photos/s"
        )
        if progress.remaining_s is not None:
            line += f", {_duration(progress.remaining_s)} left"
        self._show(line)

    def _metrics(self, metrics: "EpochMetrics") -> None:
        line = (
            f"Epoch {metrics.epoch}: loss {metrics.loss:.3f}, recall@1 {metrics.recall_at_1:.3f}, "
            f"micro AP {metrics.micro_ap:.3f}, RankMe {metrics.rank:.0f}"
        )
        if metrics.teacher_entropy is not None and metrics.divergence is not None:
            line += (
                f", teacher entropy {metrics.teacher_entropy:.2f}, KL {metrics.divergence:.2f}, "
                f"{metrics.prototypes_used:,} prototypes in use"
            )
        if self._is_live:
            self._live.console.print(line)
        elif not self.quiet:
            click.echo(line, err=True)

    def _show(self, line: str) -> None:
        if self._is_live:
            self._live.update(Text(line), refresh=True)
        elif not self.quiet and time.monotonic() - self._printed >= _PLAIN_EVERY_S:
            self._printed = time.monotonic()
            click.echo(line, err=True)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
