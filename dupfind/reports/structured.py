"""Reports for scripts: JSON, a CSV of members, a CSV of pairs. Formats are promises: see docs.

Everything is written as it comes, so that a report of millions of lines needs no memory.
"""

import csv
import json
import math
import os
from collections.abc import Iterable
from typing import Any, TextIO

from dupfind.records import FileError, Group
from dupfind.reports.reported import PairLine, Report, kept_member
from dupfind.reports.words import reason_of

VERSION = 1
MEMBER_COLUMNS = (
    "group_id",
    "path",
    "keep",
    "relation",
    "similarity",
    "probability",
    "bytes",
    "width",
    "height",
    "format",
    "taken_at",
    "lowest_similarity",
    "reclaimable_bytes",
    "evidence",
    "advice",
    "reason",
    "also_in",
    "state",
    "decision",
    "decided_at",
    "removed_at",
)


def write_json(report: Report, stream: TextIO) -> None:
    """Write the report as one JSON object, ``version`` 1; paths survive ``json.loads`` exactly.

    All text is ASCII: a byte of a name that is not UTF-8 is a lone surrogate (``\\udcff``), which
    Python's ``os.fsencode`` turns back into the byte.
    """
    head = {
        "version": VERSION,
        "library": os.fspath(report.library),
        "model": report.model,
        "level": str(report.level),
        "precision": report.precision,
        "settled_groups": report.settled_total,
        "came_back": [
            {"path": os.fspath(back.path), "removed_at": back.removed_at}
            for back in report.came_back
        ],
    }
    stream.write(json.dumps(head, indent=2)[:-2] + ",\n")
    _write_list("groups", (group_object(report, group) for group in report.groups), stream)
    stream.write(",\n")
    _write_list("errors", (_error_object(error) for error in report.errors), stream)
    stream.write("\n}\n")


def group_object(report: Report, group: Group) -> dict[str, Any]:
    """Return one group as the JSON report shows it."""
    return {
        "id": group.id,
        "keep": os.fspath(report.kept_photo(group).path),
        "lowest_similarity": group.lowest_similarity,
        "reclaimable_bytes": group.reclaimable_bytes,
        "also_in": report.appearances(group),
        "state": str(group.state),
        "members": [_member_object(report, group, index) for index in range(len(group.members))],
    }


def write_csv(report: Report, stream: TextIO) -> None:
    """Write one row a member, with what the row needs to know about its group.

    A text that a spreadsheet would run as a formula gets an apostrophe before it; JSON and the pairs
    have it as it is.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(MEMBER_COLUMNS)
    for group in report.groups:
        for index in range(len(group.members)):
            row = _member_object(report, group, index)
            row["keep"] = "yes" if row["keep"] else "no"
            row["evidence"] = json.dumps(row["evidence"], sort_keys=True)
            row |= {
                "group_id": group.id,
                "lowest_similarity": group.lowest_similarity,
                "reclaimable_bytes": group.reclaimable_bytes,
                "also_in": json.dumps(report.appearances(group)),
                "state": str(group.state),
            }
            writer.writerow([_harmless(row[column]) for column in MEMBER_COLUMNS])


def write_pairs(pairs: Iterable[PairLine], stream: TextIO) -> None:
    """Write scored pairs in the order they come (best first is the caller's promise)."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(PairLine._fields)
    writer.writerows(
        (os.fspath(path_a), os.fspath(path_b), similarity, probability, str(relation))
        for path_a, path_b, similarity, probability, relation in pairs
    )


def _harmless(value: Any) -> Any:
    """Put an apostrophe before what a spreadsheet would take for a formula.

    Source: OWASP, "CSV Injection".
    """
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value


def _member_object(report: Report, group: Group, index: int) -> dict[str, Any]:
    member = group.members[index]
    photo = report.photo(member)
    return {
        "path": os.fspath(photo.path),
        "keep": member is kept_member(group),
        "relation": str(member.relation),
        "similarity": member.similarity,
        "probability": member.probability,
        "advice": str(member.advice),
        "reason": reason_of(member, group),
        "evidence": _finite(member.evidence.to_json()),
        "bytes": photo.size_bytes,
        "width": photo.width,
        "height": photo.height,
        "format": photo.format,
        "taken_at": photo.taken_at,
        "decision": str(member.decision) if member.decision else None,
        "decided_at": member.decided_at,
        "removed_at": member.removed_at,
    }


def _finite(value: Any) -> Any:
    """Replace NaN and infinities by None: JSON has no such numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _error_object(error: FileError) -> dict[str, str]:
    return {"path": os.fspath(error.path), "error": error.reason}


def _write_list(name: str, items: Iterable[dict[str, Any]], stream: TextIO) -> None:
    """Write ``"name": [...]``, one item a line so that a difference of two reports is readable."""
    stream.write(f'  "{name}": [')
    separator = "\n"
    for item in items:
        stream.write(f"{separator}    {json.dumps(item)}")
        separator = ",\n"
    stream.write("]" if separator == "\n" else "\n  ]")
