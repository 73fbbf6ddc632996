"""Rules for many groups at once: limited to what is filtered, previewed, one step to take back.

A rule says of each group which photo stays, and then which of the others go: only those that advice
says may go (nothing is lost), or all of them.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dupfind.decisions import Choice, Verb
from dupfind.records import Advice, Group, Photo, freed_bytes
from dupfind.reports.words import count, readable_bytes
from dupfind.review.filters import BadRequestError

Pick = Callable[[Sequence[Photo]], Photo]
SAMPLES = 8


def _smallest(key: Callable[[Photo], Any]) -> Pick:
    return lambda photos: min(photos, key=lambda photo: (key(photo), photo.id))


# Name -> (words, the photo to keep; None: the one that is kept by advice).
RULES: dict[str, tuple[str, Pick | None]] = {
    "advised": ("keep the kept one", None),
    "largest": ("keep the most pixels", _smallest(lambda photo: -photo.width * photo.height)),
    "most-bytes": ("keep the largest file", _smallest(lambda photo: -photo.size_bytes)),
    "oldest": ("keep the oldest (taken, else changed)", _smallest(lambda photo: _age(photo))),
    "newest": ("keep the newest", _smallest(lambda photo: tuple(-part for part in _when(photo)))),
    "shortest-path": ("keep the shortest path", _smallest(lambda photo: len(str(photo.path)))),
}
# These decide the whole group alike.
WHOLE: dict[str, tuple[str, Verb]] = {
    "keep-all": ("keep all", Verb.KEEP_ALL),
    "not-duplicates": ("not duplicates", Verb.NOT_DUPLICATES),
    "later": ("later", Verb.LATER),
}


def _age(photo: Photo) -> tuple[str, int]:
    return (photo.taken_at or "9999", photo.mtime_ns)


def _when(photo: Photo) -> tuple[int, int]:
    digits = "".join(letter for letter in photo.taken_at or "" if letter.isdigit())[:14]
    return (int(digits) if digits else 0, photo.mtime_ns)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as chosen. ``folder``: photos below it are kept before others; ``all``: all others go,
    not only those that nothing is lost with."""

    name: str
    all: bool = False
    folder: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any], folder: str) -> "Rule":
        """Read it from JSON. Raises BadRequestError for what there is not."""
        name = str(values.get("name", ""))
        if name not in RULES and name not in WHOLE:
            raise BadRequestError(f"there is no rule {name[:40]!r}")
        return cls(name, values.get("all") is True, folder)

    @property
    def words(self) -> str:
        """Say it, for the note of the step."""
        if self.name in WHOLE:
            return WHOLE[self.name][0]
        which = "remove all others" if self.all else "remove what nothing is lost with"
        below = f" (first below {self.folder})" if self.folder else ""
        return f"{RULES[self.name][0]}{below}, {which}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule does to one group; ``removed`` empty and no ``verb``: it does not apply."""

    group: Group
    kept: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    freed_bytes: int = 0
    verb: Verb | None = None

    @property
    def choices(self) -> list[Choice]:
        """The choices that it consists of."""
        ids = tuple(member.photo_id for member in self.group.members)
        if self.verb is not None:
            return [Choice(self.verb, ids)]
        return [Choice(Verb.KEEP, self.kept), Choice(Verb.REMOVE, self.removed)]

    @property
    def applies(self) -> bool:
        """Whether it decides anything."""
        return self.verb is not None or bool(self.removed)


def outcome_of(rule: Rule, group: Group, photos: Mapping[int, Photo]) -> Outcome:
    """Say what a rule does to one group.

    References are never removed. Where only what nothing is lost with may go and the rule keeps
    another photo than advice does, the kept one stays too: what is known of a loss is known against it.
    What a person kept in a group that is partly decided stays.
    """
    if rule.name in WHOLE:
        return Outcome(group, verb=WHOLE[rule.name][1])
    ids = [member.photo_id for member in group.members]
    kept = _kept(rule, group, [photos[one] for one in ids])
    removed = tuple(
        member.photo_id
        for member in group.members
        if member.photo_id != kept
        and not photos[member.photo_id].is_reference
        and member.decision is not Verb.KEEP
        and (rule.all or member.advice is Advice.REMOVE or member.decision is Verb.REMOVE)
    )
    staying = [photos[one] for one in ids if one not in removed]
    going = [(photos[one].file_id, photos[one].size_bytes) for one in removed]
    freed = freed_bytes(going, [photo.file_id for photo in staying])
    return Outcome(group, tuple(photo.id for photo in staying), removed, freed)


def _kept(rule: Rule, group: Group, photos: list[Photo]) -> int:
    below = [photo for photo in photos if rule.folder and _is_below(photo, rule.folder)]
    pick = RULES[rule.name][1]
    if pick is not None:
        return pick(below or photos).id
    preferred = {photo.id for photo in below}
    first = next((one.photo_id for one in group.members if one.photo_id in preferred), None)
    return group.keep.photo_id if first is None else first


def _is_below(photo: Photo, folder: str) -> bool:
    return str(photo.path).startswith(folder.rstrip(os.sep) + os.sep)


@dataclass
class Preview:
    """What a rule would do to all that is filtered, counted, with samples."""

    words: str
    groups: int = 0
    passed_over: int = 0
    kept: int = 0
    removed: int = 0
    unsure: int = 0
    freed_bytes: int = 0
    samples: list[Outcome] = field(default_factory=list)
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, outcome: Outcome) -> None:
        """Count what it does to one group."""
        if not outcome.applies:
            self.passed_over += 1
            return
        self.groups += 1
        self.kept += len(outcome.kept) or len(outcome.group.members)
        self.removed += len(outcome.removed)
        self.freed_bytes += outcome.freed_bytes
        self.unsure += sum(
            member.photo_id in outcome.removed and member.advice is not Advice.REMOVE
            for member in outcome.group.members
        )
        self._digest.update(repr((outcome.group.id, outcome.removed, outcome.verb)).encode())
        if len(self.samples) < SAMPLES:
            self.samples.append(outcome)

    @property
    def stamp(self) -> str:
        """Equal only for a preview that does the same to the same groups."""
        return str(self._digest.hexdigest()[:16])

    def to_json(self) -> dict[str, Any]:
        """Return counts and words for the page; samples are described elsewhere."""
        return {
            "rule": self.words,
            "groups": self.groups,
            "passedOver": self.passed_over,
            "kept": self.kept,
            "removed": self.removed,
            "unsure": self.unsure,
            "freed": self.freed_bytes,
            "words": f"{count(self.groups, 'group')}: {count(self.removed, 'photo')} to remove, "
            f"{self.kept:,} to keep; {readable_bytes(self.freed_bytes)}",
            "stamp": self.stamp,
        }


def samples_of(outcomes: Sequence[Outcome]) -> Iterator[tuple[int, list[int]]]:
    """Yield (group id, ids of the photos that go) of each sample."""
    for outcome in outcomes:
        yield outcome.group.id, list(outcome.removed)
