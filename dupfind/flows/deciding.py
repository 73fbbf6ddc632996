"""Decisions as a person's program reads and writes them: what holds, and JSON to carry elsewhere."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dupfind.decisions import (
    DecidedContent,
    Decision,
    GroupDecisions,
    Imported,
    Removal,
    Verb,
)
from dupfind.errors import DecisionError
from dupfind.records import Group
from dupfind.store.decisions import UNDO, picture_columns
from dupfind.store.standing import MARK
from dupfind.store.store import Store

VERSION = 1
IMPORT = "import"
_VERBS = {MARK, Verb.KEEP_ALL, Verb.NOT_DUPLICATES, Verb.LATER}
_ROLES = {"keep", "remove", "clear", "other", "each", "a", "b", "member"}


def decided(store: Store, group_id: int) -> GroupDecisions:
    """Return what a person decided of a group, and what may go by that and by the advice.

    Raises:
        DecisionError: There is no such group (any more).
    """
    groups = store.groups_by_id([group_id])
    if not groups:
        raise DecisionError(f"there is no group {group_id} any more; see `dupfind report`")
    return _decisions_of(store, groups[0])


def _decisions_of(store: Store, group: Group) -> GroupDecisions:
    photos = store.photos_by_id(member.photo_id for member in group.members)
    free = {photo_id for photo_id, photo in photos.items() if not photo.is_reference}
    decisions = {member.photo_id: member.decision for member in group.members}
    return GroupDecisions(
        group.state,
        group.keep.photo_id,
        frozenset(one for one, verb in decisions.items() if verb is Verb.KEEP),
        frozenset(one for one, verb in decisions.items() if verb is Verb.REMOVE),
        frozenset(member.photo_id for member in group.members if member.may_go) & free,
    )


def decided_removals(store: Store) -> Iterator[Removal]:
    """Yield the photos that a person decided to remove while another of their group stays.

    Judged by the photos that are there now, not by what was there when the groups were found.
    """
    marked = [
        row[0]
        for row in store.db.execute(
            "SELECT DISTINCT group_id FROM group_members WHERE decision = ? ORDER BY group_id",
            [Verb.REMOVE],
        )
    ]
    for group_id, standing in store.standings(marked):
        going = {
            photo_id: since
            for photo_id, (verb, since) in standing.verdicts.items()
            if verb is Verb.REMOVE and photo_id not in standing.apart
        }
        photos = store.photos_by_id([*going, standing.kept])
        for photo_id, since in sorted(going.items()):
            yield Removal(
                group_id, photo_id, photos[photo_id].path, photos[photo_id].sha256,
                standing.kept, photos[standing.kept].path, since,
            )  # fmt: skip


def export_decisions(store: Store) -> dict[str, Any]:
    """Return the decisions that hold, JSON-ready, oldest first; docs/decisions.md has the format."""
    live = [one for one in store.decisions() if one.verb != UNDO and not one.is_undone]
    return {"version": VERSION, "decisions": [_to_json(one) for one in reversed(live)]}


def import_decisions(store: Store, exported: Any) -> Imported:
    """Add decisions that ``export_decisions`` returned, in one step; known ones are left out.

    Raises:
        DecisionError: This is not such an export, or a newer dupfind's.
    """
    decisions = _read(exported)
    live = [one for one in store.decisions() if one.verb != UNDO and not one.is_undone]
    known = {_identity(one) for one in live}
    new = [one for one in decisions if _identity(one) not in known]
    batch = store.add_decisions(new, source=IMPORT) if new else None
    return Imported(len(new), len(decisions) - len(new), batch)


def _identity(decision: Decision) -> tuple[Any, ...]:
    contents = ((one.role, one.sha256, os.fspath(one.path)) for one in decision.contents)
    return decision.verb, decision.decided_at, tuple(contents)


def _to_json(decision: Decision) -> dict[str, Any]:
    return {
        "batch": decision.batch,
        "verb": decision.verb,
        "decided_at": decision.decided_at,
        "source": decision.source,
        "note": decision.note,
        "contents": [
            {
                "role": one.role,
                "sha256": one.sha256,
                "pictures": list(one.pictures),
                "path": os.fspath(one.path),
            }
            for one in decision.contents
        ],
    }


def _read(exported: Any) -> list[Decision]:
    if not isinstance(exported, Mapping) or "decisions" not in exported:
        raise DecisionError(
            "this is no export of decisions; make one with `dupfind decide --export`"
        )
    if exported.get("version") != VERSION:
        raise DecisionError(
            f"the export has version {exported.get('version')!r}, this dupfind reads {VERSION}; "
            "upgrade dupfind"
        )
    try:
        decisions = [_from_json(one) for one in exported["decisions"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecisionError(
            f"the export is damaged ({type(error).__name__}: {error}); export it again"
        ) from error
    return decisions


def _from_json(value: Mapping[str, Any]) -> Decision:
    contents = tuple(
        DecidedContent(
            _one_of(_ROLES, one["role"]),
            _sha256(one["sha256"]),
            Path(one["path"]),
            pictures=tuple(_picture(picture) for picture in one["pictures"]),
        )
        for one in value["contents"]
    )
    verb = _one_of(_VERBS, value["verb"])
    note, decided_at = str(value.get("note", "")), str(value["decided_at"])
    return Decision(0, 0, verb, decided_at, IMPORT, note, contents=contents)


def _one_of(known: set[str] | set[Verb], value: Any) -> str:
    if value not in known:
        raise ValueError(f"{value!r} is not known")
    return str(value)


def _sha256(value: str) -> str:
    if len(value) != 64 or int(value, 16) < 0:
        raise ValueError(f"{value!r} is no SHA-256")
    return value


def _picture(value: str) -> str:
    picture_columns(value)
    return value
