"""The list of groups as small rows that filter and sort fast: 50,000 groups, a page at a time.

The rows lie in temporary tables of a reading connection, so that nothing of the page is left in the
library. A page is found by the key of its first group (keyset), never by counting rows, and no
answer holds the ids of all groups.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dupfind.decisions import GroupState
from dupfind.records import Group
from dupfind.review.filters import (
    ADVICE_BITS,
    APART,
    ORDERS,
    RELATION_BITS,
    STATE_CODES,
    STATE_OF,
    Filters,
    Place,
    State,
)
from dupfind.store.rows import blocks_of, column_to_path, marks
from dupfind.store.store import Store

_TABLES = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE IF NOT EXISTS cards (
    id INTEGER PRIMARY KEY, minus_frees INTEGER, probability REAL, minus_bytes INTEGER,
    minus_members INTEGER, relations INTEGER, advice INTEGER, folder_pair INTEGER,
    state INTEGER NOT NULL DEFAULT 0, going_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE TEMP TABLE IF NOT EXISTS card_texts (card INTEGER PRIMARY KEY, text TEXT);
CREATE TEMP TABLE IF NOT EXISTS folders (id INTEGER PRIMARY KEY, path, cards INTEGER);
CREATE TEMP TABLE IF NOT EXISTS folder_pairs (
    id INTEGER PRIMARY KEY, first INTEGER, second INTEGER, cards INTEGER, frees INTEGER
);
CREATE TEMP TABLE IF NOT EXISTS card_folders (
    folder INTEGER, card INTEGER, PRIMARY KEY (folder, card)
) WITHOUT ROWID;
"""
_MEMBERS = (
    "SELECT group_id, keep, relation, probability, advice, size_bytes, path, reclaimable_bytes "
    "FROM group_members JOIN photos ON photos.id = photo_id "
    "JOIN duplicate_groups ON duplicate_groups.id = group_id "
    "WHERE NOT is_missing ORDER BY group_id, is_apart, position"
)
_STATES = (
    "SELECT head.id, head.state, coalesce(sum(CASE WHEN decision = 'remove' AND NOT is_apart "
    "THEN size_bytes END), 0), count(*) FILTER (WHERE NOT is_apart) FROM duplicate_groups AS head "
    "JOIN group_members ON group_id = head.id JOIN photos ON photos.id = photo_id "
    "WHERE NOT is_missing {which} GROUP BY head.id"
)
# The groups that hold a content: of one and the same, a decision holds in each of them.
_HOLDING = (
    "SELECT DISTINCT group_id FROM photos JOIN group_members ON photo_id = photos.id "
    "WHERE sha256 IN ({marks})"
)
_OF_PROGRESS = "state, minus_frees, going_bytes"  # all that is summed at each decision
_CARD = "(id, minus_frees, probability, minus_bytes, minus_members, relations, advice, folder_pair)"


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list: ids in order, each with its place, and where the next page begins."""

    ids: list[int]
    places: list[Place]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a person is: groups by state, and bytes (that can go by advice, that were let go)."""

    groups: Mapping[str, int]
    frees_bytes: int
    going_bytes: int


class Cards:
    """The rows, in one thread. ``build`` fills them; ``follow`` notes what is decided."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        for statement in _TABLES.split(";"):
            self._db.execute(statement)
        for column in ORDERS.values():
            self._db.execute(f"CREATE INDEX IF NOT EXISTS temp.by_{column} ON cards({column}, id)")
        self._db.execute(f"CREATE INDEX IF NOT EXISTS temp.by_state ON cards({_OF_PROGRESS})")

    def build(self) -> int:
        """Read all groups anew; return how many there are."""
        filling = _Filling()
        for group_id, rows in groupby(self._db.execute(_MEMBERS), key=lambda row: row[0]):
            filling.add(group_id, list(rows))
        filling.mend(self._store.groups_by_id(filling.headless))
        with self._db.atomic():
            for table in ("cards", "card_texts", "folders", "folder_pairs", "card_folders"):
                self._db.execute(f"DELETE FROM temp.{table}")
            self._write(filling)
        self.follow_all()
        return len(filling.cards)

    def follow_all(self) -> None:
        """Note what is decided of all groups."""
        self._note(self._db.execute(_STATES.format(which="")).fetchall())

    def follow(self, contents: Iterable[str]) -> list[int]:
        """Note what is decided of the groups that hold these contents (SHA-256); return their ids."""
        ids: list[int] = []
        for block in blocks_of(sorted(set(contents))):
            rows = self._db.execute(_HOLDING.format(marks=marks(block)), block)
            ids += [group_id for (group_id,) in rows]
        for some in blocks_of(sorted(set(ids))):
            which = f"AND head.id IN ({marks(some)})"
            self._note(self._db.execute(_STATES.format(which=which), some).fetchall())
        return sorted(set(ids))

    def _note(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        noted = [
            (
                STATE_CODES[STATE_OF[GroupState(state)]] if standing > 1 else APART,
                going,
                group_id,
            )
            for group_id, state, going, standing in rows
        ]
        with self._db.atomic():
            self._db.conn.executemany(
                "UPDATE temp.cards SET state = ?, going_bytes = ? WHERE id = ?", noted
            )

    def _write(self, filling: "_Filling") -> None:
        write = self._db.conn.executemany
        pairs = filling.ranked_pairs()
        rank = {pair: place for place, (pair, _, _) in enumerate(pairs, start=1)}
        write(
            f"INSERT INTO temp.cards {_CARD} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((*card, rank[filling.pair_of[card[0]]]) for card in filling.cards.values()),
        )
        write("INSERT INTO temp.card_texts VALUES (?, ?)", filling.texts.items())
        write(
            "INSERT INTO temp.folders VALUES (?, ?, ?)",
            ((number, path, filling.cards_in[number]) for path, number in filling.folders.items()),
        )
        write(
            "INSERT INTO temp.folder_pairs VALUES (?, ?, ?, ?, ?)",
            ((rank[pair], *pair, cards, frees) for pair, cards, frees in pairs),
        )
        write("INSERT INTO temp.card_folders VALUES (?, ?)", filling.folder_rows)

    def page(
        self, filters: Filters, place: Place | None, limit: int, *, back: bool = False
    ) -> Listed:
        """Return the groups after a place (or before it, the nearest first), ``limit`` at most."""
        where, values = filters.where()
        key, order = filters.key, "DESC" if back else "ASC"
        if place is not None:
            where += f" AND ({key}, id) {'<' if back else '>'} (?, ?)"
            values += [place.key, place.id]
        rows = self._db.execute(
            f"SELECT {key}, id FROM temp.cards WHERE {where} ORDER BY {key} {order}, id {order} LIMIT ?",
            [*values, limit + 1],
        ).fetchall()
        places = [Place(*row) for row in rows[:limit]]
        further = places[-1] if len(rows) > limit else None
        return Listed([one.id for one in places], places, further)

    def place_of(self, group_id: int, filters: Filters) -> Place | None:
        """Return where a group stands in an order, whether the filters let it through or not."""
        row = self._db.execute(
            f"SELECT {filters.key}, id FROM temp.cards WHERE id = ?", [group_id]
        ).fetchone()
        return Place(*row) if row else None

    def count(self, filters: Filters) -> int:
        """Return how many groups the filters let through."""
        where, values = filters.where()
        count: int = self._db.execute(
            f"SELECT count(*) FROM temp.cards WHERE {where}", values
        ).fetchone()[0]
        return count

    def blocks(self, filters: Filters, size: int = 400) -> Iterator[list[int]]:
        """Yield the ids that the filters let through, a block at a time."""
        place: Place | None = None
        while (listed := self.page(filters, place, size)).ids:
            yield listed.ids
            if listed.next is None:
                return
            place = listed.next

    def progress(self) -> Progress:
        """Return how far a person is with all groups."""
        groups = {str(state): 0 for state in State}
        names = {code: name for name, code in STATE_CODES.items()}
        names[APART] = str(State.DECIDED)
        frees = going = 0
        for code, count, minus_frees, going_bytes in self._db.execute(
            "SELECT state, count(*), sum(minus_frees), sum(going_bytes) FROM temp.cards GROUP BY state"
        ):
            groups[names[code]] += count
            frees -= minus_frees
            going += going_bytes
        return Progress(groups, frees, going)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many groups have each relation and each advice."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for column, bits in (("relations", RELATION_BITS), ("advice", ADVICE_BITS)):
            for mask, count in self._db.execute(
                f"SELECT {column}, count(*) FROM temp.cards GROUP BY {column}"
            ):
                found[column].update({name: count for name, bit in bits.items() if mask & bit})
        return {column: dict(counter) for column, counter in found.items()}

    def folders(self, text: str, limit: int) -> list[tuple[int, str, int]]:
        """Return (id, path, groups) of folders whose path holds a text, those of most groups first."""
        rows = self._db.execute(
            "SELECT id, path, cards FROM temp.folders WHERE ? = '' OR instr(lower(path), lower(?)) "
            "ORDER BY cards DESC, id LIMIT ?",
            [text, text, limit],
        )
        return list(rows)

    def folder(self, folder_id: int) -> str:
        """Return the path of a folder, "" for none."""
        row = self._db.execute("SELECT path FROM temp.folders WHERE id = ?", [folder_id]).fetchone()
        return str(row[0]) if row else ""

    def all_folders(self) -> list[str]:
        """Return the path of each folder that holds a photo of a group."""
        return [path for (path,) in self._db.execute("SELECT path FROM temp.folders")]

    def pairs_of(self, group_ids: Sequence[int]) -> dict[int, tuple[int, str, str, int, int]]:
        """Return for each group its pair of folders: (id, path, path, groups, bytes it frees)."""
        rows = self._db.execute(
            "SELECT cards.id, pair.id, a.path, b.path, pair.cards, pair.frees FROM temp.cards "
            "JOIN temp.folder_pairs AS pair ON pair.id = folder_pair "
            "JOIN temp.folders AS a ON a.id = first JOIN temp.folders AS b ON b.id = second "
            f"WHERE cards.id IN ({marks(group_ids)})",
            list(group_ids),
        )
        return {row[0]: tuple(row[1:]) for row in rows}


class _Filling:
    """What ``build`` gathers: one row a group, its folders, and pairs of folders."""

    def __init__(self) -> None:
        self.cards: dict[int, tuple[Any, ...]] = {}
        self.texts: dict[int, str] = {}
        self.folders: dict[str, int] = {}
        self.cards_in: Counter[int] = Counter()
        self.folder_rows: set[tuple[int, int]] = set()
        self.pair_of: dict[int, tuple[int, int]] = {}
        self.headless: list[int] = []

    def add(self, group_id: int, rows: list[tuple[Any, ...]]) -> None:
        if len(rows) < 2:
            return
        copies = rows[1:]
        self.cards[group_id] = (
            group_id,
            -rows[0][7],
            min(row[3] for row in copies),
            -sum(row[5] for row in rows),
            -len(rows),
            _bits((row[2] for row in copies), RELATION_BITS),
            _bits((row[4] for row in copies), ADVICE_BITS),
        )
        if not rows[0][1]:
            self.headless.append(group_id)
        paths = [os.fspath(column_to_path(row[6])) for row in rows]
        self.texts[group_id] = "\n".join(paths).encode("utf-8", "replace").decode().casefold()
        numbers = [self._folder(os.path.dirname(path)) for path in paths]  # noqa: PTH120 - quick
        for number in set(numbers):
            self.cards_in[number] += 1
            self.folder_rows.add((number, group_id))
        others = [number for number in numbers if number != numbers[0]]
        first, second = sorted((numbers[0], others[0] if others else numbers[0]))
        self.pair_of[group_id] = (first, second)

    def mend(self, groups: Iterable[Group]) -> None:
        """Correct the groups whose kept photo is gone: another one leads them now."""
        for group in groups:
            copies = group.members[1:]
            old = self.cards[group.id]
            self.cards[group.id] = (
                group.id,
                -group.reclaimable_bytes,
                min(member.probability for member in copies),
                *old[3:5],
                _bits((str(member.relation) for member in copies), RELATION_BITS),
                _bits((str(member.advice) for member in copies), ADVICE_BITS),
            )

    def ranked_pairs(self) -> list[tuple[tuple[int, int], int, int]]:
        """Return ((folder, folder), groups, bytes) of each pair of folders, most to free first."""
        groups: Counter[tuple[int, int]] = Counter(self.pair_of.values())
        frees: Counter[tuple[int, int]] = Counter()
        for group_id, pair in self.pair_of.items():
            frees[pair] -= self.cards[group_id][1]
        ranked = sorted(groups, key=lambda pair: (-frees[pair], -groups[pair], pair))
        return [(pair, groups[pair], frees[pair]) for pair in ranked]

    def _folder(self, path: str) -> int:
        text = path.encode("utf-8", "backslashreplace").decode()
        return self.folders.setdefault(text, len(self.folders) + 1)


def _bits(names: Iterable[str], bits: Mapping[str, int]) -> int:
    found = 0
    for name in names:
        found |= bits.get(name, 0)
    return found
