"""What of the list is shown, and in which order: read from an address, turned into SQL."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dupfind.decisions import GroupState
from dupfind.evidence import Relation
from dupfind.records import Advice

RELATION_BITS = {str(relation): 1 << place for place, relation in enumerate(Relation)}
ADVICE_BITS = {str(advice): 1 << place for place, advice in enumerate(Advice)}
_LONGEST_TEXT = 200


class State(StrEnum):
    """How far a person is with a group, as the page tells it: a group partly decided is still open."""

    OPEN = "open"
    LATER = "later"
    DECIDED = "decided"


STATE_CODES = {str(state): place for place, state in enumerate(State)}
STATE_OF = {
    GroupState.OPEN: State.OPEN,
    GroupState.PARTLY: State.OPEN,
    GroupState.LATER: State.LATER,
    GroupState.DECIDED: State.DECIDED,
    GroupState.SETTLED: State.DECIDED,
}
APART = len(STATE_CODES)  # told apart: there is no group left to show, only one that was decided
# Order -> the column of ``cards`` that holds its key, ascending; equal ones go by the group's id.
ORDERS = {
    "frees": "minus_frees",
    "doubt": "probability",
    "folders": "folder_pair",
    "size": "minus_bytes",
    "members": "minus_members",
}


class BadRequestError(Exception):
    """What the page asked for makes no sense; the message says what."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which groups are meant. Everything empty, or None, leaves out nothing.

    Attributes:
        relations: A copy has one of these relations.
        advice: ``remove``: something can go; ``look``: something wants a look.
        state: How far a person is with it.
        folder: Id of a folder that a photo of the group lies in (``Cards.folders``).
        pair: Id of the pair of folders that the group lies in.
        surest: The least certain copy is at most this probable.
        least_bytes: Its photos have at least so many bytes together.
        text: Part of a path, any case.
    """

    relations: frozenset[str] = frozenset()
    advice: str = ""
    state: str = ""
    folder: int | None = None
    pair: int | None = None
    surest: float | None = None
    least_bytes: int = 0
    text: str = ""
    order: str = field(default="frees")

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Filters":
        """Read them from the values of an address or of JSON, as texts.

        Raises:
            BadRequestError: A value is none of those that there are.
        """
        relations = frozenset(filter(None, str(values.get("relations", "")).split(",")))
        one_of(relations, RELATION_BITS, "relation")
        return cls(
            relations,
            _choice(values, "advice", ADVICE_BITS),
            _choice(values, "state", STATE_CODES),
            _number(values, "folder"),
            _number(values, "pair"),
            _share(values, "surest"),
            _number(values, "least_bytes") or 0,
            str(values.get("text", ""))[:_LONGEST_TEXT].strip().casefold(),
            _choice(values, "order", ORDERS) or "frees",
        )

    @property
    def key(self) -> str:
        """The column to sort by."""
        return ORDERS[self.order]

    def where(self, *, state: bool = True) -> tuple[str, list[Any]]:
        """Return the conditions as SQL with their parameters, with or without that of the state."""
        parts: list[tuple[str, Any]] = [("state < ?", APART)]
        if self.relations:
            bits = sum(RELATION_BITS[relation] for relation in self.relations)
            parts.append(("relations & ?", bits))
        if self.advice:
            parts.append(("advice & ?", ADVICE_BITS[self.advice]))
        if self.state and state:
            parts.append(("state = ?", STATE_CODES[self.state]))
        if self.folder is not None:
            parts.append(
                ("id IN (SELECT card FROM temp.card_folders WHERE folder = ?)", self.folder)
            )
        if self.pair is not None:
            parts.append(("folder_pair = ?", self.pair))
        if self.surest is not None:
            parts.append(("probability <= ?", self.surest))
        if self.least_bytes:
            parts.append(("minus_bytes <= ?", -self.least_bytes))
        if self.text:
            parts.append(
                ("id IN (SELECT card FROM temp.card_texts WHERE instr(text, ?))", self.text)
            )
        return " AND ".join(sql for sql, _ in parts), [value for _, value in parts]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: after (or before) the group with this key and id."""

    key: float
    id: int

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """Read ``key,id``; nothing for no text.

        Raises:
            BadRequestError: It is neither.
        """
        if not text:
            return None
        key, _, group_id = text.partition(",")
        try:
            place = cls(float(key), int(group_id))
        except ValueError as error:
            raise BadRequestError(f"{text[:40]!r} is no place in the list") from error
        if not math.isfinite(place.key) or abs(place.id) >= 1 << 62:
            raise BadRequestError(f"{text[:40]!r} is no place in the list")
        return place

    def __str__(self) -> str:
        """Return what ``read`` reads."""
        return f"{self.key!r},{self.id}"


def one_of(values: frozenset[str], known: Mapping[str, Any], noun: str) -> None:
    """Refuse values that are not known.

    Raises:
        BadRequestError: One is not.
    """
    for value in values - known.keys():
        raise BadRequestError(f"there is no {noun} {value[:40]!r}")


def _choice(values: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> str:
    value = str(values.get(name) or "")
    if value:
        one_of(frozenset({value}), known, name)
    return value


def _number(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value in (None, ""):
        return None
    try:
        number = int(str(value))
    except ValueError as error:
        raise BadRequestError(f"{name} is {str(value)[:40]!r}, not a number") from error
    if not 0 <= number < 1 << 62:
        raise BadRequestError(f"{name} is out of range")
    return number


def _share(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value in (None, ""):
        return None
    try:
        share = float(str(value))
    except ValueError as error:
        raise BadRequestError(f"{name} is {str(value)[:40]!r}, not a number") from error
    if not 0 <= share <= 1:
        raise BadRequestError(f"{name} is not between 0 and 1")
    return share
