"""What a person decided: rows that are only ever added; an undo is a row too."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from dupfind.decisions import Choice, DecidedContent, Decision, PhotoOrPath, Verb
from dupfind.errors import DecisionError
from dupfind.store.rows import blocks_of, column_to_path, marks, now, path_to_column, text_to_column
from dupfind.store.standing import MARK, OTHER
from dupfind.store.verdicts import VerdictTables

UNDO = "undo"
_MARKS = (Verb.KEEP, Verb.REMOVE, Verb.CLEAR)
_DECISIONS = (
    "SELECT id, batch, verb, decided_at, source, note, undoes, EXISTS (SELECT 1 FROM decisions AS "
    "later WHERE later.undoes = decisions.batch) FROM decisions"
)


@dataclass(frozen=True, slots=True)
class _Content:
    """A photo as a decision remembers it."""

    photo_id: int
    sha256: str
    path: str | bytes


@dataclass(frozen=True, slots=True)
class _New:
    """A decision to write."""

    verb: str
    contents: Sequence[tuple[str, _Content]]


class DecisionTables(VerdictTables):
    """Reads and writes ``decisions``, ``decided_contents`` and ``decided_pictures``."""

    db: Database

    def decide(self, choices: Iterable[Choice], *, source: str, note: str = "") -> int:
        """Record choices as one step, and what they make of the groups; return its batch.

        Raises:
            DecisionError: A photo is not in the library or in no group, nothing of a group would
                stay, or same bytes would be told apart.
        """
        with self._writing():
            resolved = self._resolved(list(choices))
            new = [*self._marks(resolved), *self._sets(resolved)]
            if not new:
                raise DecisionError("nothing to decide; name at least one photo")
            batch = self._next_batch()
            for one in new:
                self._write_decision(batch, one, source=source, note=note)
            self._note_pictures(batch)
            emptied = self.refresh_verdicts(batch=batch)
            if emptied:
                path = next(iter(self._members({emptied[0]}).values()))[0].path
                raise DecisionError(
                    f"nothing would stay of the group of {column_to_path(path)}; keep one of it"
                )
        return batch

    def undo_decision(self, batch: int | None = None, *, source: str) -> list[Decision]:
        """Take back a batch, or the last one; return its decisions (none when there is nothing).

        Raises:
            DecisionError: There is no such batch, or it was undone already.
        """
        with self._writing():
            if batch is None:
                row = self.db.execute("SELECT max(batch) FROM live_decisions").fetchone()
                if row[0] is None:
                    return []
                batch = int(row[0])
            undone = [one for one in self.decisions(batch=batch) if one.verb != UNDO]
            if not undone:
                raise DecisionError(f"there is no decision {batch}; see `dupfind decide --list`")
            if undone[0].is_undone:
                raise DecisionError(f"decision {batch} was undone already")
            self.db.execute(
                "INSERT INTO decisions (batch, verb, decided_at, source, undoes) "
                "VALUES (?, ?, ?, ?, ?)",
                [self._next_batch(), UNDO, now(), source, batch],
            )
            self.refresh_verdicts(batch=batch)
        return undone

    def decisions(
        self, *, batch: int | None = None, limit: int | None = None, before: int | None = None
    ) -> list[Decision]:
        """Return decisions, the newest first: of one batch, or ``limit`` with an id below ``before``."""
        rows = self.db.execute(
            f"{_DECISIONS} WHERE (? IS NULL OR batch = ?) AND (? IS NULL OR id < ?) "
            "ORDER BY id DESC LIMIT ?",
            [batch, batch, before, before, -1 if limit is None else limit],
        ).fetchall()
        contents = self._contents_of([row[0] for row in rows])
        return [_decision(row, contents.get(row[0], ())) for row in rows]

    def has_decisions(self) -> bool:
        """Tell whether anything that was decided holds."""
        return self.db.execute("SELECT 1 FROM live_decisions LIMIT 1").fetchone() is not None

    def add_decisions(self, decisions: Sequence[Decision], *, source: str) -> int:
        """Write decisions of elsewhere as they are, in one batch, and return it."""
        with self._writing():
            batch = self._next_batch()
            for one in decisions:
                contents = [
                    (content.role, _Content(0, content.sha256, path_to_column(content.path)))
                    for content in one.contents
                ]
                self._write_decision(
                    batch, _New(one.verb, contents), source=source, note=one.note,
                    decided_at=one.decided_at,
                )  # fmt: skip
                self._write_pictures(one.contents)
            self._note_pictures(batch)
            self.refresh_verdicts(batch=batch)
        return batch

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write beside another process: its turn is waited for, and nothing read here is stale."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.rollback()
            raise
        self.db.execute("COMMIT")

    def _next_batch(self) -> int:
        last: int = self.db.execute("SELECT coalesce(max(batch), 0) FROM decisions").fetchone()[0]
        return last + 1

    def _write_decision(
        self, batch: int, new: _New, *, source: str, note: str, decided_at: str | None = None
    ) -> None:
        cursor = self.db.execute(
            "INSERT INTO decisions (batch, verb, decided_at, source, note) VALUES (?, ?, ?, ?, ?)",
            [batch, new.verb, decided_at or now(), source, note],
        )
        self.db.conn.executemany(
            "INSERT INTO decided_contents VALUES (?, ?, ?, ?, ?, ?)",
            (
                (cursor.lastrowid, place, role, one.sha256, one.path, one.photo_id or None)
                for place, (role, one) in enumerate(new.contents)
            ),
        )

    def _note_pictures(self, batch: int) -> None:
        self.db.execute(
            "INSERT OR IGNORE INTO decided_pictures SELECT DISTINCT photos.sha256, pixels_sha256, "
            "width, height FROM decisions JOIN decided_contents ON decision_id = decisions.id "
            "JOIN photos USING (sha256) WHERE batch = ? AND pixels_sha256 <> ''",
            [batch],
        )

    def _write_pictures(self, contents: Iterable[DecidedContent]) -> None:
        self.db.conn.executemany(
            "INSERT OR IGNORE INTO decided_pictures VALUES (?, ?, ?, ?)",
            (
                (content.sha256, *picture_columns(picture))
                for content in contents
                for picture in content.pictures
            ),
        )

    def _resolved(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return the choices with ids for photos; each one exists."""
        named = [photo for choice in choices for photo in (*choice.photos, *choice.others)]
        ids = self._ids_of(set(named))
        return [
            replace(
                choice,
                photos=tuple(dict.fromkeys(ids[photo] for photo in choice.photos)),
                others=tuple(dict.fromkeys(ids[photo] for photo in choice.others)),
            )
            for choice in choices
        ]

    def _ids_of(self, named: set[PhotoOrPath]) -> dict[PhotoOrPath, int]:
        found: dict[PhotoOrPath, int] = {}
        paths = [one for one in named if not isinstance(one, int)]
        # As it was typed, else where its links lead.
        for absolute in (os.path.abspath, os.path.realpath):
            columns = {one: text_to_column(absolute(one)) for one in paths if one not in found}
            known = self._ids_at(list(columns.values()))
            found.update((one, known[path]) for one, path in columns.items() if path in known)
        for numbers in blocks_of([one for one in named if isinstance(one, int)]):
            rows = self.db.execute(
                f"SELECT id FROM photos WHERE id IN ({marks(numbers)}) AND NOT is_missing", numbers
            )
            found.update((row[0], row[0]) for row in rows)
        for one in named - found.keys():
            raise DecisionError(
                f"there is no photo {one}; it is gone, or never was"
                if isinstance(one, int)
                else f"{one} is not in the library; run `dupfind index` on its folder"
            )
        return found

    def _ids_at(self, columns: Sequence[str | bytes]) -> dict[str | bytes, int]:
        known: dict[str | bytes, int] = {}
        for block in blocks_of(columns):
            known.update(
                self.db.execute(
                    f"SELECT path, id FROM photos WHERE path IN ({marks(block)}) "
                    "AND NOT is_missing",
                    block,
                )
            )
        return known

    def _marks(self, choices: Sequence[Choice]) -> list[_New]:
        """Put what is kept and removed of one group into one decision, with all of the group."""
        roles: dict[int, Verb] = {}
        for choice in choices:
            if choice.verb in _MARKS:
                roles.update((int(photo), choice.verb) for photo in choice.photos)  # type: ignore[arg-type]
        groups = self._groups_of_photos(roles)
        members = self._members(set(groups.values()))
        self._check_references([photo for photo, verb in roles.items() if verb is Verb.REMOVE])
        return [
            _New(MARK, [(roles.get(one.photo_id, OTHER), one) for one in contents])
            for contents in members.values()
        ]

    def _sets(self, choices: Sequence[Choice]) -> list[_New]:
        return [self._set(choice) for choice in choices if choice.verb not in _MARKS]

    def _set(self, choice: Choice) -> _New:
        photos = [int(photo) for photo in choice.photos]  # type: ignore[arg-type]
        others = [int(photo) for photo in choice.others]  # type: ignore[arg-type]
        group: list[int] = []
        if len(photos) == 1 and not others:
            number = self._groups_of_photos(photos)[photos[0]]
            group = [one.photo_id for one in self._members({number})[number]]
        if choice.verb is not Verb.NOT_DUPLICATES:
            contents = self._contents_by_id(group or photos)
            return _New(choice.verb, [("member", one) for one in contents])
        others = others or [one for one in group if one not in photos]
        return _New(choice.verb, self._sides(photos, others))

    def _sides(self, photos: list[int], others: list[int]) -> list[tuple[str, _Content]]:
        ours = self._contents_by_id(photos)
        theirs = self._contents_by_id(others)
        told = {one.sha256 for one in ours} if theirs else set()
        different = [one for one in theirs if one.sha256 not in told]
        if not different and (theirs or len({one.sha256 for one in ours}) < 2):
            raise DecisionError(
                "files with the same bytes cannot be told apart; to keep both, say keep-all"
            )
        if not theirs:
            return [("each", one) for one in _distinct(ours)]
        sides = [("a", one) for one in _distinct(ours)]
        return sides + [("b", one) for one in _distinct(different)]

    def _groups_of_photos(self, photo_ids: Iterable[int]) -> dict[int, int]:
        wanted = list(photo_ids)
        found: dict[int, int] = {}
        for block in blocks_of(wanted):
            found.update(
                self.db.execute(
                    "SELECT photo_id, group_id FROM group_members "
                    f"WHERE photo_id IN ({marks(block)}) AND NOT is_apart",
                    block,
                )
            )
        alone = [photo for photo in wanted if photo not in found]
        if alone:
            path = self._contents_by_id(alone[:1])[0].path
            raise DecisionError(
                f"{column_to_path(path)} is in no group of copies; run `dupfind cluster`, or see "
                "`dupfind report` for the groups that there are"
            )
        return found

    def _members(self, group_ids: set[int]) -> Mapping[int, list[_Content]]:
        found: dict[int, list[_Content]] = defaultdict(list)
        for block in blocks_of(sorted(group_ids)):
            for group_id, *columns in self.db.execute(
                "SELECT group_id, photo_id, sha256, path FROM group_members "
                f"JOIN photos ON photos.id = photo_id WHERE group_id IN ({marks(block)}) "
                "AND NOT is_missing AND NOT is_apart ORDER BY group_id, position",
                block,
            ):
                found[group_id].append(_Content(*columns))
        return found

    def _contents_by_id(self, photo_ids: Sequence[int]) -> list[_Content]:
        found = {}
        for block in blocks_of(photo_ids):
            for row in self.db.execute(
                f"SELECT id, sha256, path FROM photos WHERE id IN ({marks(block)})", block
            ):
                found[row[0]] = _Content(*row)
        return [found[photo_id] for photo_id in photo_ids]

    def _check_references(self, photo_ids: Sequence[int]) -> None:
        for block in blocks_of(photo_ids):
            row = self.db.execute(
                f"SELECT path FROM photos WHERE is_reference AND id IN ({marks(block)})", block
            ).fetchone()
            if row:
                raise DecisionError(
                    f"{column_to_path(row[0])} lies in a reference folder, of which nothing is "
                    "removed; remove the other one"
                )

    def _contents_of(self, decision_ids: Sequence[int]) -> dict[int, tuple[DecidedContent, ...]]:
        found: dict[int, list[DecidedContent]] = defaultdict(list)
        for block in blocks_of(decision_ids):
            rows = self.db.execute(
                "SELECT decision_id, role, sha256, path, photo_id FROM decided_contents "
                f"WHERE decision_id IN ({marks(block)}) ORDER BY decision_id, position",
                block,
            ).fetchall()
            pictures = self.pictures_of({row[2] for row in rows})
            for decision_id, role, sha256, path, photo_id in rows:
                found[decision_id].append(
                    DecidedContent(
                        role, sha256, column_to_path(path), photo_id,
                        tuple(sorted(pictures.get(sha256, ()))),
                    )
                )  # fmt: skip
        return {decision_id: tuple(contents) for decision_id, contents in found.items()}


def _decision(row: tuple[Any, ...], contents: tuple[DecidedContent, ...]) -> Decision:
    number, batch, verb, decided_at, source, note, undoes, is_undone = row
    return Decision(
        number, batch, verb, decided_at, source, note, undoes, bool(is_undone), contents
    )


def picture_columns(picture: str) -> tuple[str, int, int]:
    """Return (hash of the pixels, width, height) of the key of a picture.

    Raises:
        ValueError: It is none.
    """
    pixels, size = picture.split(":")
    width, height = size.split("x")
    return pixels, int(width), int(height)


def _distinct(contents: Iterable[_Content]) -> list[_Content]:
    return list({one.sha256: one for one in contents}.values())
