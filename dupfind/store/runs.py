"""Runs: what was done to the library, when, with which options, and what came of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from dupfind.store.rows import now, to_json


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``status`` is running, done or failed; a killed run stays running."""

    id: int
    kind: str
    status: str
    started_at: str
    finished_at: str | None
    model_id: int | None
    options: dict[str, Any]
    summary: dict[str, Any]


class RunTables:
    """Reads and writes ``runs`` and ``metrics``."""

    db: Database

    def start_run(self, kind: str, options: dict[str, Any], *, model_id: int | None = None) -> int:
        """Record that a run begins; return its id."""
        cursor = self.db.execute(
            "INSERT INTO runs (kind, model_id, status, started_at, options) "
            "VALUES (?, ?, 'running', ?, ?)",
            [kind, model_id, now(), to_json(options)],
        )
        return int(cursor.lastrowid or 0)

    def finish_run(self, run_id: int, summary: dict[str, Any], *, status: str = "done") -> None:
        """Record that a run ended, with its summary (JSON-ready)."""
        self.db.execute(
            "UPDATE runs SET status = ?, finished_at = ?, summary = ? WHERE id = ?",
            [status, now(), to_json(summary), run_id],
        )

    def runs(self, kind: str | None = None) -> list[Run]:
        """Return the runs (of one kind), oldest first."""
        rows = self.db.execute(
            "SELECT id, kind, status, started_at, finished_at, model_id, options, summary "
            "FROM runs WHERE ? IS NULL OR kind = ? ORDER BY id",
            [kind, kind],
        )
        return [
            Run(*row[:6], options=json.loads(row[6]), summary=json.loads(row[7] or "{}"))  # type: ignore[misc]
            for row in rows
        ]

    def latest_run(self, kind: str) -> Run | None:
        """Return the last run of a kind that was done, or None."""
        done = [run for run in self.runs(kind) if run.status == "done"]
        return done[-1] if done else None

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
