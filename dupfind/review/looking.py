"""What lies outside the groups: photos near a dropped picture, and what an apply would do."""

import os
from pathlib import Path
from typing import Any

from dupfind.records import Reason
from dupfind.reports.words import readable_bytes, relation_name, safe_name
from dupfind.review.deeds import Going, Preview
from dupfind.review.describe import VERSION_DIGITS, shown_folder
from dupfind.review.desk import Desk

_MOST_LINES = 2000


def found_matches(desk: Desk, file: Path) -> list[dict[str, Any]]:
    """Return the photos nearest to a picture, each with the group that it is in."""
    found = []
    for match in desk.deeds.find(file):
        photo = match.photo
        found.append(
            {
                "photo": photo.id,
                "version": photo.sha256[:VERSION_DIGITS],
                "name": safe_name(photo.path.name),
                "folder": shown_folder(os.fspath(photo.path.parent), desk.base),
                "facts": f"{photo.width} × {photo.height} · {readable_bytes(photo.size_bytes)}",
                "relation": relation_name(match.relation),
                "similarity": round(match.similarity, 3),
                "probability": match.probability,
                "group": desk.group_of(photo.id),
            }
        )
    return found


def preview_page(preview: Preview, base: str) -> dict[str, Any]:
    """Return what an apply would do: totals, and the first files of each list."""
    return {
        "photos": len(preview.going),
        "files": sum(one.files for one in preview.going),
        "decided": sum(one.decided for one in preview.going),
        "freedText": readable_bytes(preview.freed_bytes),
        "going": [_going(one, base) for one in preview.going[:_MOST_LINES]],
        "leftAlone": [
            {"path": _shown(path, base), "reason": safe_name(reason)}
            for path, reason in preview.left_alone[:_MOST_LINES]
        ],
        "leftAloneTotal": len(preview.left_alone),
    }


def _going(going: Going, base: str) -> dict[str, Any]:
    return {
        "photo": going.photo_id,
        "path": _shown(going.path, base),
        "kept": _shown(going.kept_path, base),
        "group": going.group_id,
        "bytesText": readable_bytes(going.freed_bytes),
        "files": going.files,
        "why": "you decided it"
        if going.decided
        else ", ".join(_words(name) for name in going.reasons),
    }


def _words(name: str) -> str:
    return name.replace("-", " ") if name in set(Reason) else ""


def _shown(path: Path, base: str) -> str:
    inner = os.path.relpath(path, base) if base else os.fspath(path)
    return safe_name(inner)
