"""Turn groups, members and pairs into what the page is sent: numbers, ids and words, no paths to open."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dupfind.decisions import GroupState, Verb
from dupfind.evidence import Evidence
from dupfind.records import Group, Member, Photo, Relation
from dupfind.reports.decided import day
from dupfind.reports.loss import loss_of
from dupfind.reports.words import (
    explain,
    readable_bytes,
    readable_date,
    reason_of,
    relation_name,
    safe_name,
)
from dupfind.review.filters import STATE_OF

_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
# Of these each part lies where it lay, whether a way was written down or not.
_SAME = frozenset({str(Relation.IDENTICAL), str(Relation.SAME_PIXELS)})
_UNMOVED = frozenset({str(Relation.REENCODED), str(Relation.RESIZED)})
VERSION_DIGITS = 16  # of a content's hash: enough for the address of its picture


def describe_group(group: Group, photos: Mapping[int, Photo], base: str) -> dict[str, Any]:
    """Return a group as JSON-ready values. ``base``: the folder that all photos lie in, or ""."""
    return {
        "id": group.id,
        "state": str(STATE_OF[group.state]),
        "frees": group.reclaimable_bytes,
        "freesText": readable_bytes(group.reclaimable_bytes),
        "lowest": round(group.lowest_similarity, 4),
        "probability": min((member.probability for member in group.members[1:]), default=1.0),
        "members": [
            _photo(photos[member.photo_id], base) | _member(member, group, photos)
            for member in group.members
        ],
    }


def _photo(photo: Photo, base: str) -> dict[str, Any]:
    return {
        "photo": photo.id,
        "version": photo.sha256[:VERSION_DIGITS],
        "name": safe_name(photo.path.name),
        "folder": shown_folder(os.fspath(photo.path.parent), base),
        "path": safe_name(os.fspath(photo.path)),
        "width": photo.width,
        "height": photo.height,
        "bytes": photo.size_bytes,
        "bytesText": readable_bytes(photo.size_bytes),
        "format": safe_name(photo.format),
        "taken": readable_date(photo.taken_at),
        "reference": photo.is_reference,
    }


def _member(member: Member, group: Group, photos: Mapping[int, Photo]) -> dict[str, Any]:
    photo, kept = photos[member.photo_id], photos[group.keep.photo_id]
    return {
        "keep": member.keep,
        "relation": "original" if member.keep else str(member.relation),
        "badge": "kept" if member.keep else relation_name(member.relation),
        "advice": str(member.advice),
        "why": "" if member.keep else explain(member, photo, kept),
        "reason": reason_of(member, group),
        "loss": loss_of(member, group),
        "probability": member.probability,
        "similarity": round(member.similarity, 4),
        "verdict": _verdict(member, group),
        "removedBefore": day(member.removed_at) if member.removed_at else "",
        "matrix": list(matrix_of(member) or ()),
        "sameFile": member.evidence.same_file is not None,
    }


def _verdict(member: Member, group: Group) -> str:
    """Return what a person decided of a photo: of a settled group, all of it stays."""
    if member.decision is not None:
        return str(member.decision)
    return str(Verb.KEEP) if group.state is GroupState.SETTLED else ""


def matrix_of(member: Member) -> tuple[float, ...] | None:
    """Return the way from shares of the kept photo's sides to shares of the member's, or None."""
    if member.keep or str(member.relation) in _SAME:
        return _IDENTITY
    if member.evidence.matrix is None and str(member.relation) in _UNMOVED:
        return _IDENTITY
    return member.evidence.matrix


def between(a: Member, b: Member) -> tuple[float, ...] | None:
    """Return the way from one member to another by way of the kept photo, or None."""
    first, second = matrix_of(a), matrix_of(b)
    if first is None or second is None:
        return None
    back = replace(Evidence(), matrix=first).reversed().matrix
    if back is None:
        return None
    joined = np.reshape(second, (3, 3)) @ np.reshape(back, (3, 3))
    if not np.isfinite(joined).all() or abs(joined[2, 2]) < 1e-9:
        return None
    return tuple((joined / joined[2, 2]).ravel().tolist())


def facts_of(photo: Photo, labels: Mapping[str, str], base: str) -> dict[str, str]:
    """Return label -> value of what is known of a photo, the most telling first."""
    first = {
        "Name": safe_name(photo.path.name),
        "Folder": shown_folder(os.fspath(photo.path.parent), base),
        "Size": f"{photo.width} × {photo.height}",
        "File": f"{readable_bytes(photo.size_bytes)} ({photo.size_bytes:,} bytes)",
        "Format": safe_name(photo.format),
        "Taken": readable_date(photo.taken_at),
        "EXIF entries": str(photo.exif_tags),
        "Frames or pages": str(photo.frames) if photo.frames > 1 else "",
        "Transparent": "yes" if photo.has_alpha else "",
        "Also in the file": safe_name(", ".join(photo.extras)),
        "Reference": "yes" if photo.is_reference else "",
    }
    return first | {safe_name(label): safe_name(value) for label, value in labels.items()}


def compared(a: Mapping[str, str], b: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return line by line what two photos say, and whether they differ."""
    return [
        {
            "label": label,
            "a": a.get(label, ""),
            "b": b.get(label, ""),
            "differs": a.get(label, "") != b.get(label, ""),
        }
        for label in dict.fromkeys((*a, *b))
        if a.get(label) or b.get(label)
    ]


def shown_folder(path: str, base: str) -> str:
    """Return a folder as a person reads it in this library: below what all have in common."""
    inner = os.path.relpath(path, base) if base else path
    return safe_name(Path(path).name if inner == "." else inner)
