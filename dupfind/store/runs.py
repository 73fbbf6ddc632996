"""Runs: what was done to the library, when, with which options, and what came of it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from dupfind.store.rows import now, to_json

_RUNS = "SELECT id, kind, status, started_at, finished_at, model_id, options, summary FROM runs"


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``status`` is running, done, failed or interrupted; a killed run stays running.

    The summary of a run that failed has ``error``, in words.
    """

    id: int
    kind: str
    status: str
    started_at: str
    finished_at: str | None
    model_id: int | None
    options: dict[str, Any]
    summary: dict[str, Any]


@dataclass(slots=True)
class CurrentRun:
    """A run that is under way; its ``summary`` (JSON-ready) is recorded when it ends."""

    id: int
    summary: dict[str, Any] = field(default_factory=dict)


class RunTables:
    """Reads and writes ``runs`` and ``metrics``."""

    db: Database

    @contextmanager
    def run(
        self, kind: str, options: dict[str, Any], *, model_id: int | None = None
    ) -> Iterator[CurrentRun]:
        """Record a run: how it begins, and how it ends however it does.

            with store.run("cluster", options) as run:
                run.summary = {"groups": 3}

        An error that leaves the block makes it failed, Ctrl-C interrupted, with what its summary
        holds by then.
        """
        current = CurrentRun(self.start_run(kind, options, model_id=model_id))
        try:
            yield current
        except BaseException as error:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            words = str(error) or type(error).__name__
            # The error is often that nothing can be written any more: it is the one to tell of.
            with suppress(sqlite3.Error):
                self.finish_run(current.id, current.summary | {"error": words}, status=status)
            raise
        self.finish_run(current.id, current.summary)

    def start_run(self, kind: str, options: dict[str, Any], *, model_id: int | None = None) -> int:
        """Record that a run begins; return its id."""
        cursor = self.db.execute(
            "INSERT INTO runs (kind, model_id, status, started_at, options) "
            "VALUES (?, ?, 'running', ?, ?)",
            [kind, model_id, now(), to_json(options)],
        )
        return int(cursor.lastrowid or 0)

    def started_at(self, run_id: int) -> str:
        """Return when a run began, in UTC, ISO 8601."""
        row = self.db.execute("SELECT started_at FROM runs WHERE id = ?", [run_id]).fetchone()
        return str(row[0])

    def finish_run(self, run_id: int, summary: dict[str, Any], *, status: str = "done") -> None:
        """Record that a run ended, with its summary (JSON-ready)."""
        self.db.execute(
            "UPDATE runs SET status = ?, finished_at = ?, summary = ? WHERE id = ?",
            [status, now(), to_json(summary), run_id],
        )

    def end_dead_runs(self, kinds: Iterable[str]) -> None:
        """Mark runs of these kinds as interrupted that say they are running: for the one writer."""
        with self.db.atomic():
            self.db.conn.executemany(
                "UPDATE runs SET status = 'interrupted', finished_at = ? "
                "WHERE status = 'running' AND kind = ?",
                [(now(), kind) for kind in kinds],
            )

    def runs(self, kind: str | None = None) -> list[Run]:
        """Return the runs (of one kind), oldest first."""
        rows = self.db.execute(f"{_RUNS} WHERE ? IS NULL OR kind = ? ORDER BY id", [kind, kind])
        return [_row_to_run(row) for row in rows]

    def latest_run(self, kind: str) -> Run | None:
        """Return the last run of a kind that was done, or None."""
        row = self.db.execute(
            f"{_RUNS} WHERE kind = ? AND status = 'done' ORDER BY id DESC LIMIT 1", [kind]
        ).fetchone()
        return _row_to_run(row) if row else None

    def add_metrics(self, run_id: int, step: int, values: dict[str, float]) -> None:
        """Record measurements of a training run at a step."""
        rows: Iterable[tuple[int, int, str, float]] = [
            (run_id, step, name, float(value)) for name, value in values.items()
        ]
        with self.db.atomic():
            self.db.conn.executemany(
                "INSERT INTO metrics (run_id, step, name, value) VALUES (?, ?, ?, ?)", rows
            )

    def metrics(self, run_id: int, name: str) -> list[tuple[int, float]]:
        """Return (step, value) of one measurement of a run, by step."""
        return list(
            self.db.execute(
                "SELECT step, value FROM metrics WHERE run_id = ? AND name = ? ORDER BY step",
                [run_id, name],
            )
        )


def _row_to_run(row: tuple[Any, ...]) -> Run:
    return Run(*row[:6], json.loads(row[6]), json.loads(row[7] or "{}"))  # type: ignore[call-arg]
