"""Models, the active one, calibrations, settings."""

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from dupfind.store.rows import now, to_json


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model that described photos of the library. ``fingerprint`` names its exact weights."""

    id: int
    name: str
    fingerprint: str
    spec: dict[str, Any]
    dimensions: int


class ModelTables:
    """Reads and writes ``models``, ``calibrations`` and ``settings``."""

    db: Database

    def add_model(
        self, name: str, fingerprint: str, *, spec: dict[str, Any], dimensions: int
    ) -> StoredModel:
        """Return the model with this fingerprint, recording it (or its new name) when needed."""
        self.db.execute(
            "INSERT INTO models (name, fingerprint, spec, dimensions, created_at) "
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name",
            [name, fingerprint, to_json(spec), dimensions, now()],
        )
        return next(model for model in self.models() if model.fingerprint == fingerprint)

    def models(self) -> list[StoredModel]:
        """Return the models, by id."""
        rows = self.db.execute(
            "SELECT id, name, fingerprint, spec, dimensions FROM models ORDER BY id"
        )
        return [
            StoredModel(model_id, name, fingerprint, json.loads(spec), dimensions)
            for model_id, name, fingerprint, spec, dimensions in rows
        ]

    def active_model(self) -> StoredModel | None:
        """Return the model whose descriptors are searched, or None before the first ``index``."""
        active = self.setting("active_model")
        return next((model for model in self.models() if str(model.id) == active), None)

    def set_active_model(self, model_id: int) -> None:
        """Make a recorded model the one whose descriptors are searched."""
        self.set_setting("active_model", str(model_id))

    def next_model(self) -> str | None:
        """Return the name of a trained model that the next ``index`` takes, or None."""
        return self.setting("next_model") or None

    def set_next_model(self, name: str | None) -> None:
        """Name the model that the next ``index`` takes; None once it is the active one."""
        self.set_setting("next_model", name or "")

    def setting(self, key: str) -> str | None:
        """Return a setting, or None."""
        row = self.db.execute("SELECT value FROM settings WHERE key = ?", [key]).fetchone()
        return row[0] if row else None

    def set_setting(self, key: str, value: str) -> None:
        """Write a setting."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [key, value])

    def save_calibration(self, model_id: int, calibration: dict[str, Any]) -> int:
        """Record a calibration (JSON-ready) for a model; return its id."""
        cursor = self.db.execute(
            "INSERT INTO calibrations (model_id, created_at, calibration) VALUES (?, ?, ?)",
            [model_id, now(), to_json(calibration)],
        )
        return int(cursor.lastrowid or 0)

    def latest_calibration(self, model_id: int) -> dict[str, Any] | None:
        """Return the newest calibration of a model, or None."""
        row = self.db.execute(
            "SELECT calibration FROM calibrations WHERE model_id = ? ORDER BY id DESC LIMIT 1",
            [model_id],
        ).fetchone()
        return json.loads(row[0]) if row else None
