"""What lies outside the groups: photos near a dropped picture, and what an apply would do."""

import os
from pathlib import Path
from typing import Any

from dupfind.acts import PlannedRemoval
from dupfind.errors import PhotoError
from dupfind.records import Photo, Reason
from dupfind.reports.words import readable_bytes, relation_name, safe_name
from dupfind.review.describe import VERSION_DIGITS, shown_folder
from dupfind.review.desk import Desk

_MOST_LINES = 2000


def found_matches(desk: Desk, file: Path) -> list[dict[str, Any]]:
    """Return the photos nearest to a picture, each with the group that it is in.

    Raises:
        PhotoError: It cannot be read; the words do not name our temporary file.
    """
    try:
        matches = desk.deeds.find(file)
    except PhotoError as error:
        raise PhotoError(str(error).replace(os.fspath(file), "the picture")) from error
    found = []
    for match in matches:
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


def apply_preview(desk: Desk) -> dict[str, Any]:
    """Return what an apply would do now: totals, and the first files of each list."""
    plan, base = desk.deeds.preview(), desk.base
    shown = plan.removals[:_MOST_LINES]
    kept = desk.store.photos_by_id(one.kept_photo_id for one in shown)
    return {
        "photos": len(plan.removals),
        "files": sum(len(one.parts) for one in plan.removals),
        "decided": sum(one.decided for one in plan.removals),
        "freedText": readable_bytes(plan.freed_bytes),
        "going": [_going(one, kept[one.kept_photo_id], base) for one in shown],
        "leftAlone": [
            {"path": _shown(one.path, base), "reason": safe_name(one.reason)}
            for one in plan.left_alone[:_MOST_LINES]
        ],
        "leftAloneTotal": len(plan.left_alone),
    }


def _going(going: PlannedRemoval, kept: Photo, base: str) -> dict[str, Any]:
    reasons = ", ".join(filter(None, map(_words, going.reasons)))
    return {
        "photo": going.photo_id,
        "path": _shown(going.photo.file.path, base),
        "kept": _shown(kept.path, base),
        "group": going.group_id,
        "bytesText": readable_bytes(going.freed_bytes),
        "files": len(going.parts),
        "why": "you decided it" if going.decided else reasons,
    }


def _words(name: str) -> str:
    return name.replace("-", " ") if name in set(Reason) else ""


def _shown(path: Path, base: str) -> str:
    inner = os.path.relpath(path, base) if base else os.fspath(path)
    return safe_name(inner)
