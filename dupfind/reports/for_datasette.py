"""What datasette needs to show a library with names and pictures: its metadata, and a plugin."""

import json
import os
from pathlib import Path
from typing import Any

from dupfind.reports.html import TEMPLATES
from dupfind.reports.output import text_output
from dupfind.reports.words import safe_name

METADATA = "metadata.json"
PLUGINS = "plugins"
_PLUGIN = "dupfind_pictures.py"

# Table -> (the column that stands for a row where another table names it, what a row is).
_TABLES: dict[str, tuple[str, str]] = {
    "photos": ("path", "A file. is_missing: it is gone; is_away: with all of its folder."),
    "models": ("name", "A model that described photos."),
    "runs": ("kind", "Something that was done with the library, and how it ended."),
    "pairs": ("relation", "Two photos that were compared by the last cluster."),
    "duplicate_groups": ("id", "A group of copies of the last cluster."),
    "group_members": ("relation", "A photo of a group; position 0 is the one to keep."),
    "decisions": ("verb", "What a person decided; rows are only added."),
    "errors": ("path", "A file that could not be read, and why."),
    "journal": ("action", "What was done to a file."),
}


def write_for_datasette(
    folder: Path, library: Path, *, cache: Path, kind: str, check_bytes: int
) -> None:
    """Write the metadata file and the plugin that shows pictures.

    Args:
        folder: Where they go; made when missing.
        library: The library folder.
        cache: The file that holds small pictures.
        kind: Which of them to show.
        check_bytes: How many bytes stand before each of them.

    Raises:
        ReportError: A file cannot be written.
    """
    with text_output(folder / METADATA) as stream:
        json.dump(_metadata(library), stream, indent=2)
        stream.write("\n")
    plugin = (TEMPLATES / "datasette_pictures.py.txt").read_text("utf-8")
    values = {"__CACHE__": os.fspath(cache), "__KIND__": kind, "__CHECK_BYTES__": check_bytes}
    for name, value in values.items():
        plugin = plugin.replace(name, ascii(value))
    with text_output(folder / PLUGINS / _PLUGIN) as stream:
        stream.write(plugin)


def _metadata(library: Path) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {
        table: {"label_column": label, "description": words}
        for table, (label, words) in _TABLES.items()
    }
    tables["copies"] = {
        "description": "Every copy with the photo that its group keeps, in words. Click a column to "
        "sort by it.",
        "size": 50,
    }
    return {
        "title": f"dupfind: {safe_name(os.fspath(library))}",
        "databases": {"dupfind": {"tables": tables}},
    }
