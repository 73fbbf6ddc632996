"""What a person set on the page, and where they left off: a small file in the library folder."""

import json
from pathlib import Path
from typing import Any

from dupfind.system import write_whole

FILE = "review.json"
_MOST_BYTES = 64_000


class Preferences:
    """JSON that the page reads and writes as a whole; a damaged file counts as none."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def read(self) -> dict[str, Any]:
        """Return what was saved, or nothing."""
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}

    def update(self, values: dict[str, Any]) -> None:
        """Save values beside those that are there; a folder that cannot be written keeps none."""
        text = json.dumps(self.read() | values)
        if len(text) > _MOST_BYTES:
            return
        try:
            write_whole(self._file, text.encode())
        except OSError:
            return
