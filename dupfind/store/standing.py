"""What the decisions of a person make of a group, as rules on plain values: no database here.

Decisions are about contents. Each photo of a group is found again in a decision as the same photo
(its id or path, with the same bytes or picture), else by its bytes, else by its picture; each content
of a decision stands for one photo, so that a further copy is news.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dupfind.decisions import GroupState, Verb

MARK = "mark"  # the verb of a row that holds keep, remove and clear of one group
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Present:
    """A member of a group whose file is there. ``picture`` is the key of its pixels."""

    photo_id: int
    path: str | bytes
    sha256: str
    picture: str
    is_reference: bool
    appeared_at: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A content that a decision is about, as stored."""

    role: str
    sha256: str
    path: str | bytes
    photo_id: int | None
    pictures: frozenset[str]

    def is_content_of(self, photo: Present) -> bool:
        """Tell whether a photo has these bytes, or shows exactly this picture."""
        return self.sha256 == photo.sha256 or photo.picture in self.pictures


@dataclass(frozen=True, slots=True)
class Live:
    """A decision that was not undone, with those of its contents that a group may hold."""

    id: int
    verb: str
    decided_at: str
    contents: tuple[Decided, ...]


@dataclass
class Standing:
    """What holds for a group. ``verdicts`` maps photo ids to (keep or remove, since when).

    ``apart`` are the photos that were told apart from those that stay; ``came_back`` maps those that
    are there again to when their content was removed; ``kept`` is the photo that stays.
    ``is_emptied``: each photo was marked to go, so that none of these marks holds.
    """

    kept: int
    state: GroupState = GroupState.OPEN
    verdicts: dict[int, tuple[Verb, str]] = field(default_factory=dict)
    apart: set[int] = field(default_factory=set)
    came_back: dict[int, str] = field(default_factory=dict)
    is_emptied: bool = False


def standing_of(members: Sequence[Present], decisions: Sequence[Live]) -> Standing:
    """Return what decisions make of a group.

    Args:
        members: At least one, the one that the clustering keeps first.
        decisions: Those that are about any of their contents.
    """
    newest = sorted(decisions, key=lambda one: (one.decided_at, one.id), reverse=True)
    places = [_Place(one, members) for one in newest if one.verb != Verb.NOT_DUPLICATES]
    verdicts = _verdicts(members, places)
    kept = _kept(members, verdicts)
    holding = {
        photo.photo_id: (verb, place.decision.decided_at)
        for photo in members
        if (found := verdicts.get(photo.photo_id)) is not None
        for verb, place in [found]
        if verb is Verb.KEEP or _removal_holds(photo, place, kept, verdicts)
    }
    told = [one for one in newest if one.verb == Verb.NOT_DUPLICATES]
    apart = _told_apart(members, kept, told) if told else set()
    staying = [photo for photo in members if photo.photo_id not in apart]
    return Standing(
        kept,
        _state(staying, places, holding, kept),
        holding,
        apart,
        _came_back(members, places),
        len(verdicts) == len(members) and {verb for verb, _ in verdicts.values()} == {Verb.REMOVE},
    )


def told_apart(
    decisions: Sequence[Live], photos: Sequence[tuple[int, str, str]]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows (a < b) that decisions tell apart.

    Args:
        decisions: Of the verb ``not-duplicates``.
        photos: (row, sha256, key of the picture) of each photo; a row may hold several.
    """
    by_bytes: dict[str, set[int]] = defaultdict(set)
    by_picture: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for row, sha256, picture in photos:
        by_bytes[sha256].add(row)
        by_picture[picture].add((row, sha256))
    for decision in decisions:
        # What has the bytes of one of the contents is that one, even where it shows another's picture.
        named = {content.sha256 for content in decision.contents}
        rows = [
            (
                content.role,
                by_bytes[content.sha256]
                | {
                    row
                    for picture in content.pictures
                    for row, sha256 in by_picture[picture]
                    if sha256 not in named
                },
            )
            for content in decision.contents
        ]
        for place, (role, ours) in enumerate(rows):
            for other, theirs in rows[place + 1 :]:
                if _is_apart(role, other):
                    yield from ((min(a, b), max(a, b)) for a in ours for b in theirs if a != b)


class _Place:
    """Where the photos of a group stand in a decision."""

    def __init__(self, decision: Live, members: Sequence[Present]) -> None:
        self.decision = decision
        self.role: dict[int, str] = {}
        self.only_picture: set[int] = set()
        free = dict(enumerate(decision.contents))
        for number, (of_content, of_photo) in enumerate(_WAYS):
            waiting: dict[Any, list[int]] = defaultdict(list)
            for place, content in reversed(free.items()):
                for key in of_content(content):
                    waiting[key].append(place)
            for photo in members:
                if photo.photo_id in self.role:
                    continue
                self._take(photo, waiting.get(of_photo(photo), []), free, number == len(_WAYS) - 1)

    def _take(
        self, photo: Present, places: list[int], free: dict[int, Decided], by_picture: bool
    ) -> None:
        while places:
            place = places.pop()
            content = free.get(place)
            if content is not None and content.is_content_of(photo):
                self.role[photo.photo_id] = content.role
                if by_picture:
                    self.only_picture.add(photo.photo_id)
                del free[place]
                return

    def covers(self, members: Sequence[Present]) -> bool:
        """Tell whether all photos were there when it was decided."""
        return all(photo.photo_id in self.role for photo in members)


# The ways to find a photo among the contents of a decision, the surest first.
_WAYS: tuple[tuple[Callable[[Decided], Sequence[Any]], Callable[[Present], Any]], ...] = (
    (lambda content: [content.photo_id], lambda photo: photo.photo_id),
    (lambda content: [content.path], lambda photo: photo.path),
    (lambda content: [content.sha256], lambda photo: photo.sha256),
    (lambda content: sorted(content.pictures), lambda photo: photo.picture),
)

_Verdicts = Mapping[int, tuple[Verb, _Place]]


def _verdicts(members: Sequence[Present], places: Sequence[_Place]) -> _Verdicts:
    """Return the last word on each photo: keep or remove, and where it was said."""
    found: dict[int, tuple[Verb, _Place]] = {}
    for photo in members:
        for place in places:
            role = _role(photo, place)
            if role == Verb.CLEAR:
                break
            if role in (Verb.KEEP, Verb.REMOVE):
                found[photo.photo_id] = Verb(role), place
                break
    return found


def _role(photo: Present, place: _Place) -> str:
    role = place.role.get(photo.photo_id, OTHER)
    if place.decision.verb == Verb.KEEP_ALL and photo.photo_id in place.role:
        return Verb.KEEP
    # Another file that only shows the same picture: nobody decided to remove that one.
    removed_by_picture = role == Verb.REMOVE and photo.photo_id in place.only_picture
    return OTHER if removed_by_picture else role


def _kept(members: Sequence[Present], verdicts: _Verdicts) -> int:
    """Return which photo stays: the first to keep, else the first that is not to be removed."""
    verbs = {photo_id: verb for photo_id, (verb, _) in verdicts.items()}
    for wanted in ({Verb.KEEP}, {None}):
        for photo in members:
            if verbs.get(photo.photo_id) in wanted:
                return photo.photo_id
    return members[0].photo_id


def _removal_holds(photo: Present, place: _Place, kept: int, verdicts: _Verdicts) -> bool:
    """Tell whether a photo may still go: what was to stay instead must be there and stay."""
    if photo.is_reference or photo.photo_id == kept:
        return False
    staying = {one for one, (verb, _) in verdicts.items() if verb is Verb.KEEP}
    if kept not in verdicts:
        staying.add(kept)
    return any(one in place.role for one in staying)


def _state(
    members: Sequence[Present],
    places: Sequence[_Place],
    verdicts: Mapping[int, tuple[Verb, str]],
    kept: int,
) -> GroupState:
    if len(members) < 2:
        return GroupState.SETTLED  # all others were told apart
    touching = [place for place in places if any(one.photo_id in place.role for one in members)]
    if touching and touching[0].decision.verb == Verb.LATER and touching[0].covers(members):
        return GroupState.LATER
    verbs = {one.photo_id: verdicts.get(one.photo_id, (None, ""))[0] for one in members}
    answers = [place for place in touching if place.decision.verb != Verb.LATER]
    covering = {place.decision.verb for place in answers if place.covers(members)}
    if Verb.KEEP_ALL in covering and set(verbs.values()) == {Verb.KEEP}:
        return GroupState.SETTLED
    waiting = [one for one, verb in verbs.items() if verb is None and one != kept]
    if covering and not waiting and any(verbs.values()):
        return GroupState.DECIDED
    return GroupState.PARTLY if any(verbs.values()) else GroupState.OPEN


def _came_back(members: Sequence[Present], places: Sequence[_Place]) -> dict[int, str]:
    found = {}
    for photo in members:
        said = next((one for one in places if _role(photo, one) != OTHER), None)
        if said is None or _role(photo, said) != Verb.REMOVE:
            continue
        if photo.appeared_at > said.decision.decided_at:
            found[photo.photo_id] = said.decision.decided_at
    return found


def _told_apart(members: Sequence[Present], kept: int, decisions: Sequence[Live]) -> set[int]:
    """Return the photos that are told apart from the kept one, or from a member before them."""
    place = {photo.photo_id: number for number, photo in enumerate(members)}
    photos = [(photo.photo_id, photo.sha256, photo.picture) for photo in members]
    pairs = set(told_apart(decisions, photos))
    staying: list[int] = []
    for photo_id in sorted(place, key=lambda one: (one != kept, place[one])):
        if not any((min(photo_id, one), max(photo_id, one)) in pairs for one in staying):
            staying.append(photo_id)
    return set(place) - set(staying)


def _is_apart(role: str, other: str) -> bool:
    return role == other == "each" or {role, other} == {"a", "b"}
