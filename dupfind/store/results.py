"""What the last clustering found: scored pairs and groups of copies."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from sqlite_utils import Database

from dupfind.decisions import GroupState, Verb
from dupfind.evidence import Evidence
from dupfind.records import (
    Advice,
    FileId,
    Group,
    Member,
    Pair,
    Reason,
    Relation,
    file_id_of,
    freed_bytes,
)
from dupfind.store.rows import blocks_of, marks, row_to_member, row_to_pair, to_json
from dupfind.store.verdicts import VerdictTables

_PRESENT_PAIRS = (
    "SELECT photo_a, photo_b, similarity, probability, relation, evidence FROM pairs "
    "JOIN photos AS a ON a.id = photo_a JOIN photos AS b ON b.id = photo_b "
    "WHERE NOT a.is_missing AND NOT b.is_missing"
)
_PRESENT_MEMBERS = (
    "SELECT group_id, photo_id, keep, relation, similarity, probability, evidence, "
    "advice, reasons, decision, decided_at, removed_at, size_bytes, is_reference, device, inode "
    "FROM group_members JOIN photos ON photos.id = photo_id "
    "WHERE NOT is_missing AND NOT is_apart {which} "
    "ORDER BY group_id, position"
)


_HEADS = (
    "SELECT id, keep_photo_id, lowest_similarity, evidence, also_in, state FROM duplicate_groups"
)
_SAME = {Relation.IDENTICAL: Reason.SAME_BYTES, Relation.SAME_PIXELS: Reason.SAME_PIXELS}


class _FileOf(NamedTuple):
    """The file of a member: what its deletion frees."""

    photo_id: int
    size_bytes: int
    is_reference: int
    device: int
    inode: int

    @property
    def id(self) -> FileId:
        return file_id_of(self.photo_id, self.device, self.inode)


class ResultTables(VerdictTables):
    """Reads and writes ``pairs``, ``duplicate_groups`` and ``group_members``."""

    db: Database

    def replace_results(
        self, run_id: int, pairs: Iterable[Pair], groups: Iterable[Group]
    ) -> tuple[int, int]:
        """Put the results of a run in the place of the earlier ones, all or nothing.

        Both are consumed as streams. The groups' own ids are kept. Returns how many pairs and
        groups were written.
        """
        with self.db.atomic():
            for table in ("group_members", "duplicate_groups", "pairs"):
                self.db.execute(f"DELETE FROM {table}")
            written = self.db.conn.executemany(
                "INSERT INTO pairs (photo_a, photo_b, run_id, similarity, probability, relation, "
                "evidence) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (_pair_row(run_id, pair) for pair in pairs),
            ).rowcount
            count = 0
            for group in groups:
                self._write_group(run_id, group)
                count += 1
            self.refresh_verdicts()
        return max(written, 0), count

    def pairs(self) -> Iterator[Pair]:
        """Yield every scored pair of photos that are there, the most probable first."""
        rows = self.db.execute(
            f"{_PRESENT_PAIRS} ORDER BY probability DESC, similarity DESC, photo_a, photo_b"
        )
        return (row_to_pair(row) for row in rows)

    def pairs_of(self, photo_id: int) -> list[Pair]:
        """Return the scored pairs with one photo, the most probable first."""
        rows = self.db.execute(
            f"{_PRESENT_PAIRS} AND photo_a = ? UNION ALL {_PRESENT_PAIRS} AND photo_b = ? "
            "ORDER BY 4 DESC, 3 DESC",
            [photo_id, photo_id],
        )
        return [row_to_pair(row) for row in rows]

    def groups(self) -> Iterator[Group]:
        """Yield the groups, each without the photos that are gone since; none of less than two."""
        return self._groups_of(_HEADS, _PRESENT_MEMBERS.format(which=""), [])

    def groups_by_id(self, group_ids: Iterable[int]) -> list[Group]:
        """Return the groups of these ids that exist, by id, as ``groups`` yields them."""
        found: list[Group] = []
        for block in blocks_of(sorted({int(group_id) for group_id in group_ids})):
            wanted = marks(block)
            members = _PRESENT_MEMBERS.format(which=f"AND group_id IN ({wanted})")
            found += self._groups_of(f"{_HEADS} WHERE id IN ({wanted})", members, block)
        return found

    def pair_between(self, photo_a: int, photo_b: int) -> Pair | None:
        """Return the scored pair of two photos, whichever is named first, or None."""
        row = self.db.execute(
            f"{_PRESENT_PAIRS} AND photo_a = ? AND photo_b = ?", sorted((photo_a, photo_b))
        ).fetchone()
        return row_to_pair(row) if row else None

    def _groups_of(self, heads_sql: str, members_sql: str, ids: Sequence[int]) -> Iterator[Group]:
        heads = {row[0]: row[1:] for row in self.db.execute(heads_sql, ids)}
        rows_of_all = self.db.execute(members_sql, ids)
        for group_id, rows in groupby(rows_of_all, key=lambda row: row[0]):
            members = [(row_to_member(row[1:12]), _FileOf(row[1], *row[12:])) for row in rows]
            if len(members) >= 2:
                yield self._read_group(group_id, heads[group_id], members)

    def _read_group(
        self,
        group_id: int,
        head: tuple[int, float, str, str, str],
        members: list[tuple[Member, _FileOf]],
    ) -> Group:
        _, lowest_similarity, evidence, also_in, state = head
        members = _kept_first(members)
        if not members[0][0].keep:
            members = self._with_next_best(members)
        return Group(
            group_id,
            tuple(member for member, _ in members),
            lowest_similarity,
            _freed(members),
            tuple(json.loads(evidence).get("bridges", ())),
            tuple(json.loads(also_in)),
            GroupState(state),
        )

    def _with_next_best(
        self, members: list[tuple[Member, _FileOf]]
    ) -> list[tuple[Member, _FileOf]]:
        """Another photo takes the place of the kept one (it is gone, or a person decided so)."""
        best, file = members[0]
        pairs = {
            pair.photo_a + pair.photo_b - best.photo_id: pair
            for pair in self.pairs_of(best.photo_id)
        }
        others = []
        for member, other in members[1:]:
            pair = pairs.get(member.photo_id)
            if pair is not None:
                evidence = pair.evidence
                if pair.photo_a != best.photo_id:
                    evidence = evidence.reversed()
                same = _SAME.get(pair.relation)
                member = replace(
                    member, keep=False, relation=pair.relation, similarity=pair.similarity,
                    probability=pair.probability, evidence=replace(evidence, unit=member.evidence.unit),
                    advice=Advice.REMOVE if same else Advice.LOOK, reasons=(same,) if same else (),
                )  # fmt: skip
            elif member.keep:
                member = replace(
                    member, keep=False, relation=best.relation, similarity=best.similarity,
                    probability=best.probability, advice=Advice.LOOK, reasons=(),
                    evidence=replace(best.evidence.reversed(), unit=member.evidence.unit),
                )  # fmt: skip
            else:  # it was compared with the photo that was kept before, not with this one
                member = replace(member, keep=False, advice=Advice.LOOK, reasons=())
            others.append((member, other))
        evidence = Evidence(unit=best.evidence.unit)
        kept = replace(
            best, keep=True, relation="original", similarity=1.0, probability=1.0,
            evidence=evidence, advice=Advice.KEEP, reasons=(),
        )  # fmt: skip
        return [(kept, file), *others]

    def _write_group(self, run_id: int, group: Group) -> None:
        self.db.execute(
            "INSERT INTO duplicate_groups (id, run_id, keep_photo_id, lowest_similarity, "
            "reclaimable_bytes, evidence, also_in) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                group.id, run_id, group.keep.photo_id, float(group.lowest_similarity),
                int(group.reclaimable_bytes), to_json({"bridges": group.bridges} if group.bridges else {}),
                to_json(group.also_in),
            ],
        )  # fmt: skip
        self.db.conn.executemany(
            "INSERT INTO group_members (group_id, position, photo_id, keep, relation, similarity, "
            "probability, evidence, advice, reasons) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    group.id, position, member.photo_id, int(member.keep), str(member.relation),
                    float(member.similarity), float(member.probability), to_json(member.evidence.to_json()),
                    str(member.advice), to_json(member.reasons),
                )
                for position, member in enumerate(group.members)
            ],
        )  # fmt: skip


def _pair_row(run_id: int, pair: Pair) -> tuple[int, int, int, float, float, str, str]:
    return (
        int(pair.photo_a), int(pair.photo_b), run_id, float(pair.similarity),
        float(pair.probability), pair.relation.value, to_json(pair.evidence.to_json()),
    )  # fmt: skip


def _kept_first(members: list[tuple[Member, _FileOf]]) -> list[tuple[Member, _FileOf]]:
    """Put first what stays: what a person keeps, else the first that nobody removes."""
    decisions = [member.decision for member, _ in members]
    for wanted in (Verb.KEEP, None):
        if wanted in decisions:
            place = decisions.index(wanted)
            return [members[place], *members[:place], *members[place + 1 :]]
    return members


def _freed(members: list[tuple[Member, _FileOf]]) -> int:
    """Return what is free once the members that can go are gone."""
    going = [member.may_go and not file.is_reference for member, file in members]
    files = [file for _, file in members]
    return freed_bytes(
        ((file.id, file.size_bytes) for file, goes in zip(files, going, strict=True) if goes),
        (file.id for file, goes in zip(files, going, strict=True) if not goes),
    )
