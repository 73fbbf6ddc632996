"""What decisions make of the groups that the last clustering found: kept beside them, for lists."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlite_utils import Database

from dupfind.decisions import CameBack, GroupState, Verb
from dupfind.store.rows import blocks_of, column_to_path, marks, to_json
from dupfind.store.standing import Decided, Live, Present, Standing, standing_of, told_apart

# The groups that hold a content, by its bytes or by its picture; {which} limits the contents.
_TOUCHED = """
SELECT group_id FROM decided_contents JOIN photos USING (sha256)
    JOIN group_members ON group_members.photo_id = photos.id {which}
UNION
SELECT group_id FROM decided_contents JOIN decided_pictures AS seen USING (sha256)
    JOIN photos ON photos.pixels_sha256 = seen.pixels_sha256 AND photos.width = seen.width
        AND photos.height = seen.height
    JOIN group_members ON group_members.photo_id = photos.id {which}
"""
_MEMBERS = (
    "SELECT group_id, photos.id, path, sha256, pixels_sha256, width, height, is_reference, "
    "appeared_at FROM group_members JOIN photos ON photos.id = photo_id "
    "WHERE NOT is_missing AND group_id IN ({}) ORDER BY group_id, position"
)
# The decided contents that a group holds, each once however many photos have its bytes.
_DECIDED = """
WITH held AS MATERIALIZED (
    SELECT DISTINCT group_id, photos.sha256 AS sha256
        FROM group_members JOIN photos ON photos.id = photo_id
        WHERE group_id IN (SELECT value FROM json_each(:groups))
    UNION
    SELECT DISTINCT group_id, seen.sha256
        FROM group_members JOIN photos ON photos.id = photo_id
        JOIN decided_pictures AS seen ON seen.pixels_sha256 = photos.pixels_sha256
            AND seen.width = photos.width AND seen.height = photos.height
        WHERE group_id IN (SELECT value FROM json_each(:groups))
)
SELECT held.group_id, live_decisions.id, verb, decided_at, role, content.sha256, path,
        content.photo_id
    FROM held JOIN decided_contents AS content ON content.sha256 = held.sha256
    JOIN live_decisions ON live_decisions.id = decision_id
    ORDER BY held.group_id, live_decisions.id, position
"""
_CAME_BACK = """
SELECT photos.id, photos.path, max(decided_at) FROM photos
    JOIN decided_contents AS content ON content.sha256 = photos.sha256 AND role = 'remove'
    JOIN live_decisions ON live_decisions.id = decision_id
    LEFT JOIN photos AS former ON former.id = content.photo_id
    WHERE NOT photos.is_missing AND photos.appeared_at > decided_at
        AND photos.appeared_at >= ?
        AND (former.id IS NULL OR former.id = photos.id OR former.is_missing
            OR former.sha256 <> content.sha256)
        AND NOT EXISTS (SELECT 1 FROM decided_contents AS kept
            JOIN live_decisions AS word ON word.id = kept.decision_id
            WHERE kept.sha256 = photos.sha256 AND kept.photo_id = photos.id
                AND (kept.role = 'keep' OR word.verb = 'keep-all')
                AND word.id >= live_decisions.id)
    GROUP BY photos.id ORDER BY photos.path
"""


class VerdictTables:
    """Writes what decisions make of groups into ``duplicate_groups`` and ``group_members``."""

    db: Database

    def refresh_verdicts(self, *, batch: int | None = None) -> list[int]:
        """Bring the groups up to date with the decisions: all, or those that a batch is about.

        Returns the ids of groups of which every photo was marked to go.
        """
        of_batch = "JOIN decisions ON decisions.id = decision_id WHERE batch = :batch"
        touched = _TOUCHED.format(which="" if batch is None else of_batch)
        emptied: list[int] = []
        with self.db.atomic():
            if batch is None:
                self._forget_verdicts()
            numbers = [row[0] for row in self.db.execute(touched, {"batch": batch})]
            for block in blocks_of(numbers):
                standings = list(self.standings(block))
                self._write_standings(standings)
                emptied += [group_id for group_id, standing in standings if standing.is_emptied]
        return emptied

    def standings(self, group_ids: Sequence[int]) -> Iterator[tuple[int, Standing]]:
        """Yield what holds for groups by now, of the photos that are there."""
        for block in blocks_of(group_ids):
            decisions = self._live_of_groups(block)
            for group_id, members in self._present(block).items():
                yield group_id, standing_of(members, decisions.get(group_id, []))

    def apart_rows(self, photos: Sequence[tuple[int, str, str]]) -> frozenset[tuple[int, int]]:
        """Return the pairs of rows a < b that a person told apart.

        Args:
            photos: (row, sha256, key of the picture) of each photo; a row may hold several.
        """
        rows = self.db.execute(
            "SELECT 0, live_decisions.id, verb, decided_at, role, sha256, path, photo_id "
            "FROM live_decisions JOIN decided_contents ON decision_id = live_decisions.id "
            "WHERE verb = ? ORDER BY live_decisions.id, position",
            [Verb.NOT_DUPLICATES],
        ).fetchall()
        decisions = self._live(rows).get(0, [])
        return frozenset(told_apart(decisions, photos)) if decisions else frozenset()

    def came_back(self, *, since: str = "") -> list[CameBack]:
        """Return the photos that are there again after a person removed their content, by path.

        ``since`` leaves out what was there before that time.
        """
        return [
            CameBack(photo_id, column_to_path(path), removed_at)
            for photo_id, path, removed_at in self.db.execute(_CAME_BACK, [since])
        ]

    def removed_on(self, sha256: str) -> str | None:
        """Return when a person last decided to remove a content, None where nobody did."""
        row = self.db.execute(
            "SELECT max(decided_at) FROM decided_contents "
            "JOIN live_decisions ON live_decisions.id = decision_id "
            "WHERE sha256 = ? AND role = 'remove'",
            [sha256],
        ).fetchone()
        return str(row[0]) if row[0] else None

    def pictures_of(self, contents: Iterable[str]) -> dict[str, frozenset[str]]:
        """Return the keys of the pictures of decided contents."""
        found: dict[str, set[str]] = defaultdict(set)
        for block in blocks_of(sorted(contents)):
            for sha256, *picture in self.db.execute(
                "SELECT sha256, pixels_sha256, width, height FROM decided_pictures "
                f"WHERE sha256 IN ({marks(block)})",
                block,
            ):
                found[sha256].add(picture_key(*picture))
        return {sha256: frozenset(keys) for sha256, keys in found.items()}

    def _forget_verdicts(self) -> None:
        self.db.execute(
            "UPDATE duplicate_groups SET state = ? WHERE state <> ?",
            [GroupState.OPEN, GroupState.OPEN],
        )
        self.db.execute(
            "UPDATE group_members SET decision = '', decided_at = NULL, is_apart = 0, "
            "removed_at = NULL WHERE decision <> '' OR is_apart OR removed_at IS NOT NULL"
        )

    def _write_standings(self, standings: Sequence[tuple[int, Standing]]) -> None:
        self.db.conn.executemany(
            "UPDATE duplicate_groups SET state = ? WHERE id = ?",
            ((standing.state, group_id) for group_id, standing in standings),
        )
        self.db.conn.executemany(
            "UPDATE group_members SET decision = '', decided_at = NULL, is_apart = 0, "
            "removed_at = NULL WHERE group_id = ?",
            ((group_id,) for group_id, _ in standings),
        )
        self.db.conn.executemany(
            "UPDATE group_members SET decision = ?, decided_at = ?, is_apart = ?, removed_at = ? "
            "WHERE group_id = ? AND photo_id = ?",
            (
                (
                    *standing.verdicts.get(photo_id, ("", None)),
                    int(photo_id in standing.apart),
                    standing.came_back.get(photo_id),
                    group_id,
                    photo_id,
                )
                for group_id, standing in standings
                for photo_id in (
                    standing.verdicts.keys() | standing.apart | standing.came_back.keys()
                )
            ),
        )

    def _present(self, group_ids: Sequence[int]) -> dict[int, list[Present]]:
        found: dict[int, list[Present]] = defaultdict(list)
        for row in self.db.execute(_MEMBERS.format(marks(group_ids)), group_ids):
            group_id, photo_id, path, sha256, *picture, is_reference, appeared_at = row
            found[group_id].append(
                Present(
                    photo_id, path, sha256, picture_key(*picture), bool(is_reference), appeared_at
                )
            )
        return found

    def _live_of_groups(self, group_ids: Sequence[int]) -> dict[int, list[Live]]:
        return self._live(self.db.execute(_DECIDED, {"groups": to_json(group_ids)}).fetchall())

    def _live(
        self, rows: Sequence[tuple[int, int, str, str, str, str, str | bytes, int | None]]
    ) -> dict[int, list[Live]]:
        """Put rows (group, decision, verb, time, role, sha256, path, photo) together by group."""
        pictures = self.pictures_of({row[5] for row in rows})
        heads: dict[tuple[int, int], tuple[str, str]] = {}
        contents: dict[tuple[int, int], list[Decided]] = defaultdict(list)
        for group_id, number, verb, decided_at, role, sha256, path, photo_id in rows:
            heads[group_id, number] = verb, decided_at
            seen = pictures.get(sha256, frozenset())
            contents[group_id, number].append(Decided(role, sha256, path, photo_id, seen))
        found: dict[int, list[Live]] = defaultdict(list)
        for (group_id, number), (verb, decided_at) in heads.items():
            found[group_id].append(
                Live(number, verb, decided_at, tuple(contents[group_id, number]))
            )
        return found


def picture_key(pixels_sha256: str, width: int, height: int) -> str:
    """Return the key of a picture: equal for files that show exactly the same; "" for none."""
    return f"{pixels_sha256}:{width}x{height}" if pixels_sha256 else ""
