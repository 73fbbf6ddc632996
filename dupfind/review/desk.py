"""Where a person sits: what the page asks, answered from the library, and what it says, recorded.

All of it runs in one thread, one request after the other: the reading connection belongs to that
thread, and an answer never shows half of a decision.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from dupfind.config import LibraryPaths
from dupfind.decisions import Choice
from dupfind.errors import LibraryError
from dupfind.photos.labels import labels_of
from dupfind.records import Group, Member, Photo
from dupfind.reports.loss import told_apart
from dupfind.reports.words import explain, readable_bytes
from dupfind.review.deeds import Deeds
from dupfind.review.describe import (
    between,
    compared,
    describe_group,
    facts_of,
    shown_folder,
)
from dupfind.review.filters import Filters, Place
from dupfind.review.queries import Cards
from dupfind.store.store import Store

PAGE = 24
Json = dict[str, Any]


class ChangedSinceError(Exception):
    """A group is another one by now: another tab, or another program, was there first."""


class NotFoundError(Exception):
    """There is no such group or photo (any more)."""


class Desk:
    """Reads and decides. Open it, use it and close it in one thread."""

    def __init__(self, paths: LibraryPaths, deeds: Deeds) -> None:
        self.paths = paths
        self.deeds = deeds
        self._resources = ExitStack()
        self._version = 0
        self._seen = (0, 0)
        self._facets: Json = {}

    def open(self) -> int:
        """Open the library and read its groups; return how many there are.

        Raises:
            LibraryError: There is no library, or ``cluster`` has not been run.
        """
        self.store = self._resources.enter_context(Store.open(self.paths))
        if self.store.latest_run("cluster") is None:
            raise LibraryError("no groups have been looked for yet; run `dupfind cluster` first")
        self.cards = Cards(self.store)
        return self._read_all()

    def close(self) -> None:
        """Close the library."""
        self._resources.close()

    def refresh(self) -> None:
        """Follow what other programs did to the library since the last request."""
        version = self._data_version()
        if version == self._version:
            return
        self._version = version
        newest = self._newest()
        if newest[0] != self._seen[0]:
            self._read_all()
        elif newest[1] != self._seen[1]:
            self.cards.follow_all()
        self._seen = newest

    def listing(self, filters: Filters, place: Place | None) -> Json:
        """Return a page of the list: cards, where the next page begins, how many there are in all."""
        listed = self.cards.page(filters, place, PAGE)
        pairs = self.cards.pairs_of(listed.ids)
        cards = []
        for group in self.described(listed.ids):
            number, first, second, groups, frees = pairs[group["id"]]
            folders = dict.fromkeys(shown_folder(path, self.base) for path in (first, second))
            group["folders"] = {
                "id": number,
                "names": list(folders),
                "groups": groups,
                "freesText": readable_bytes(frees),
            }
            cards.append(group)
        return {
            "cards": cards,
            "next": str(listed.next) if listed.next else None,
            "total": self.cards.count(filters),
            "progress": self.progress(),
        }

    def progress(self) -> Json:
        """Return how far a person is, in groups and bytes."""
        progress = self.cards.progress()
        return {
            "groups": sum(progress.groups.values()),
            "states": dict(progress.groups),
            "frees": progress.frees_bytes,
            "freesText": readable_bytes(progress.frees_bytes),
            "going": progress.going_bytes,
            "goingText": readable_bytes(progress.going_bytes),
        }

    def facets(self) -> Json:
        """Return how many groups there are of each kind, and the folders that hold most."""
        return self._facets

    def folders(self, text: str) -> list[Json]:
        """Return folders by a part of their path."""
        return [
            {"id": number, "name": shown_folder(path, self.base), "groups": groups}
            for number, path, groups in self.cards.folders(text, 100)
        ]

    def group(self, group_id: int) -> Json:
        """Return one group.

        Raises:
            NotFoundError: There is none of this id.
        """
        found = self.described([group_id])
        if not found:
            raise NotFoundError(f"there is no group {group_id} any more")
        return found[0]

    def step(self, group_id: int, filters: Filters, *, back: bool = False) -> Json | None:
        """Return the next group of the list after one (or the one before it), None at its end."""
        place = self.cards.place_of(group_id, filters)
        listed = self.cards.page(filters, place, 1, back=back)
        return self.group(listed.ids[0]) if listed.ids else None

    def first(self, filters: Filters) -> Json | None:
        """Return the first group of the list, None when it is empty."""
        listed = self.cards.page(filters, None, 1)
        return self.group(listed.ids[0]) if listed.ids else None

    def pair(self, group_id: int, a: int, b: int) -> Json:
        """Return what is to be said of two photos of a group: words, alignment, facts that differ.

        Raises:
            NotFoundError: They are not in that group.
        """
        group = self._group(group_id)
        first, second = (self._member(group, photo_id) for photo_id in (a, b))
        photos = self.store.photos_by_id((a, b))
        facts = [
            facts_of(photo, labels_of(photo.path), self.base) for photo in (photos[a], photos[b])
        ]
        return {
            "a": a,
            "b": b,
            "matrix": list(self._matrix(first, second) or ()),
            "why": self._why(group, first, second, photos),
            "facts": compared(*facts),
        }

    def photo(self, photo_id: int) -> Photo:
        """Return a photo of the library by its id.

        Raises:
            NotFoundError: There is none.
        """
        found = self.store.photos_by_id([photo_id])
        if photo_id not in found:
            raise NotFoundError("there is no such photo")
        return found[photo_id]

    def decide(self, group_id: int, stamp: str, choices: Sequence[Choice], note: str = "") -> Json:
        """Record choices about a group as one step; return the group as it is then.

        Raises:
            ChangedSinceError: The group is not what the page showed.
            NotFoundError: There is none of this id.
        """
        shown = self.group(group_id)
        if shown["stamp"] != stamp:
            raise ChangedSinceError("the group was changed meanwhile; this is how it is now")
        step = self.deeds.decide(choices, note)
        photos = self.store.photos_by_id(member["photo"] for member in shown["members"])
        self.follow(photo.sha256 for photo in photos.values())
        found = self.described([group_id])
        return {"step": step, "group": found[0] if found else None, "progress": self.progress()}

    def undo(self, step: int | None) -> Json:
        """Take back a step, or the last one."""
        undone = self.deeds.undo(step)
        groups = self.follow(undone.contents) if undone else []
        return {
            "undone": undone.step if undone else None,
            "group": groups[0] if len(groups) == 1 else None,
            "progress": self.progress(),
        }

    def group_of(self, photo_id: int) -> int | None:
        """Return the id of the group that a photo is in, or None."""
        row = self.store.db.execute(
            "SELECT group_id FROM group_members JOIN temp.cards ON cards.id = group_id "
            "WHERE photo_id = ? ORDER BY group_id LIMIT 1",
            [photo_id],
        ).fetchone()
        return row[0] if row else None

    def follow(self, contents: Iterable[str]) -> list[int]:
        """Note what was decided just now of these contents; return the groups that hold them."""
        groups = self.cards.follow(contents)
        self._version = self._data_version()
        self._seen = self._newest()
        return groups

    def follow_all(self) -> None:
        """Note what was decided of all groups."""
        self.cards.follow_all()
        self._version = self._data_version()
        self._seen = self._newest()

    def _read_all(self) -> int:
        self._version = self._data_version()
        self._seen = self._newest()
        count = self.cards.build()
        self.base = _base_of(self.cards.all_folders())
        self._facets = {"counts": self.cards.counts(), "folders": self.folders("")}
        return count

    def _data_version(self) -> int:
        """Return what is another number whenever another connection has written."""
        version: int = self.store.db.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _newest(self) -> tuple[int, int]:
        """Return what tells whether the groups, or the decisions, are others than before."""
        run = self.store.db.execute(
            "SELECT coalesce(max(id), 0) FROM runs WHERE finished_at IS NOT NULL"
        ).fetchone()[0]
        decision = self.store.db.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()[0]
        return run, decision

    def described(self, group_ids: Sequence[int]) -> list[Json]:
        """Return groups by id in the order asked for; those that are gone are left out."""
        groups = {group.id: group for group in self.store.groups_by_id(group_ids)}
        photos = self.store.photos_by_id(
            member.photo_id for group in groups.values() for member in group.members
        )
        found = []
        for group_id in group_ids:
            if group_id in groups:
                values = describe_group(groups[group_id], photos, self.base)
                found.append(values | {"stamp": _stamp(values)})
        return found

    def _group(self, group_id: int) -> Group:
        found = self.store.groups_by_id([group_id])
        if not found:
            raise NotFoundError(f"there is no group {group_id} any more")
        return found[0]

    @staticmethod
    def _member(group: Group, photo_id: int) -> Member:
        for member in group.members:
            if member.photo_id == photo_id:
                return member
        raise NotFoundError("that photo is not in this group")

    def _matrix(self, a: Member, b: Member) -> tuple[float, ...] | None:
        """Return the way from a to b: as stored for the pair, or by way of the kept photo."""
        stored = self.store.pair_between(a.photo_id, b.photo_id)
        if stored is not None and stored.evidence.matrix is not None:
            evidence = stored.evidence
            return (evidence if stored.photo_a == a.photo_id else evidence.reversed()).matrix
        return between(a, b)

    def _why(self, group: Group, a: Member, b: Member, photos: dict[int, Photo]) -> str:
        first, second = photos[a.photo_id], photos[b.photo_id]
        if a.keep:
            return explain(b, second, first)
        if b.keep:
            return told_apart(a, first, second)
        stored = self.store.pair_between(a.photo_id, b.photo_id)
        if stored is None:
            return "Both are copies of the kept photo."
        evidence = stored.evidence if stored.photo_a == first.id else stored.evidence.reversed()
        return explain(
            Member(
                second.id, False, stored.relation, stored.similarity, stored.probability, evidence
            ),
            second,
            first,
        )


def _stamp(values: Json) -> str:
    """Return what is equal only while a group's photos and what is decided of them are the same."""
    facts = [values["state"], [(one["photo"], one["verdict"]) for one in values["members"]]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _base_of(folders: list[str]) -> str:
    try:
        base = os.path.commonpath(folders) if folders else ""
    except ValueError:  # several drives
        return ""
    return base if len(base) > 1 else ""
