"""The journal of acting: what was about to be done to each file, and what came of it. Append-only."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from dupfind.acts import Action, Entry, Event, FileState, Role
from dupfind.store.rows import column_to_path, now, path_to_column, to_json

_ENTRIES = (
    "SELECT journal.id, run_id, unit, photo_id, action, role, path, sha256, size_bytes, mtime_ns, "
    "device, inode, destination, info, kept_path, kept_sha256, kept_size_bytes, kept_mtime_ns, "
    "kept_device, kept_inode, attributes, journal_events.event, journal_events.note "
    "FROM journal JOIN journal_events ON journal_events.id = "
    "(SELECT max(id) FROM journal_events WHERE journal_id = journal.id) "
)


class JournalTables:
    """Reads and writes ``journal`` and ``journal_events``; rows are added, never changed."""

    db: Database

    def flush_each_commit(self) -> None:
        """Have each commit on the disk before it returns: a power cut must not lose the journal."""
        self.db.execute("PRAGMA synchronous = FULL")

    def add_entries(self, entries: Sequence[Entry]) -> list[Entry]:
        """Write entries as intended, all or none; return them with their ids."""
        with self.db.atomic():
            written = [replace(entry, id=self._add(entry)) for entry in entries]
            self._add_events(written, Event.INTENDED, "")
        return written

    def add_events(self, entries: Sequence[Entry], event: Event, note: str = "") -> None:
        """Write what happened to entries, all or none.

        The photo of an entry that is done leaves the results like any file that is gone; one that
        is undone comes back. A copy that shares its bytes by now gets its new number instead.
        """
        with self.db.atomic():
            self._add_events(entries, event, note)
            for entry in entries:
                if entry.photo_id is not None and event in (Event.DONE, Event.UNDONE):
                    self._update_photo(entry, is_gone=event is Event.DONE)

    def entries(
        self, run_id: int | None = None, states: Iterable[Event] | None = None
    ) -> list[Entry]:
        """Return the entries (of one run) with their state, in the order they were written."""
        wanted = None if states is None else set(states)
        rows = self.db.execute(
            f"{_ENTRIES} WHERE ? IS NULL OR run_id = ? ORDER BY journal.id", [run_id, run_id]
        )
        found = (_row_to_entry(row) for row in rows)
        return [entry for entry in found if wanted is None or entry.state in wanted]

    def open_entries(self) -> list[Entry]:
        """Return the entries that a killed run left without an end."""
        rows = self.db.execute(
            f"{_ENTRIES} WHERE journal_events.event IN (?, ?) ORDER BY journal.id",
            [Event.INTENDED.value, Event.UNDOING.value],
        )
        return [_row_to_entry(row) for row in rows]

    def _add(self, entry: Entry) -> int:
        before, kept = entry.before, entry.kept
        columns: dict[str, Any] = {
            "run_id": entry.run_id, "unit": entry.unit, "photo_id": entry.photo_id,
            "action": entry.action.value, "role": entry.role.value,
            **_state_columns(before), "destination": _column(entry.destination),
            "info": _column(entry.info), "attributes": to_json(entry.attributes),
            **({f"kept_{name}": value for name, value in _state_columns(kept).items()} if kept else {}),
        }  # fmt: skip
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        cursor = self.db.execute(
            f"INSERT INTO journal ({names}) VALUES ({marks})", list(columns.values())
        )
        return int(cursor.lastrowid or 0)

    def _add_events(self, entries: Sequence[Entry], event: Event, note: str) -> None:
        self.db.conn.executemany(
            "INSERT INTO journal_events (journal_id, event, note, happened_at) VALUES (?, ?, ?, ?)",
            [
                (entry.id, event.value, note.encode("utf-8", "backslashreplace").decode(), now())
                for entry in entries
            ],
        )

    def _update_photo(self, entry: Entry, *, is_gone: bool) -> None:
        at = "WHERE id = ? AND path = ?"
        key = [entry.photo_id, path_to_column(entry.before.path)]
        if is_gone and not entry.action.shares:
            self.db.execute(f"UPDATE photos SET is_missing = 1, is_away = 0 {at}", key)
            return
        with suppress(OSError):
            found = entry.before.path.lstat()
            limit = (1 << 63) - 1
            self.db.execute(
                "UPDATE photos SET is_missing = 0, is_away = 0, mtime_ns = ?, ctime_ns = ?, "
                f"device = ?, inode = ? {at} AND sha256 = ? AND size_bytes = ?",
                [
                    found.st_mtime_ns, found.st_ctime_ns, found.st_dev & limit, found.st_ino & limit,
                    *key, entry.before.sha256, found.st_size,
                ],
            )  # fmt: skip


def _column(path: Path | None) -> str | bytes | None:
    return None if path is None else path_to_column(path)


def _state_columns(state: FileState) -> dict[str, Any]:
    return {
        "path": path_to_column(state.path), "sha256": state.sha256, "size_bytes": state.size_bytes,
        "mtime_ns": state.mtime_ns, "device": state.device, "inode": state.inode,
    }  # fmt: skip


def _row_to_entry(row: tuple[Any, ...]) -> Entry:
    entry_id, run_id, unit, photo_id, action, role, path, *before = row[:12]
    destination, info, kept_path, *kept = row[12:20]
    return Entry(
        run_id,
        unit,
        photo_id,
        Action(action),
        Role(role),
        FileState(column_to_path(path), *before),
        None if destination is None else column_to_path(destination),
        None if info is None else column_to_path(info),
        None if kept_path is None else FileState(column_to_path(kept_path), *kept),
        json.loads(row[20]),
        entry_id,
        Event(row[21]),
        row[22],
    )
