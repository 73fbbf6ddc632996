"""Find what may go by advice or decision, each with the photo that stays in its stead."""

from collections import defaultdict
from collections.abc import Iterator

from dupfind.actions.planning import Candidate
from dupfind.acts import Action, LeftAlone, PlanOptions
from dupfind.decisions import Verb
from dupfind.errors import ActionError, PhotoError
from dupfind.photos.decode import same_pixels
from dupfind.records import Group, Member, Photo, Reason, Relation
from dupfind.store.store import Store


def candidates(
    store: Store, action: Action, options: PlanOptions, left: list[LeftAlone]
) -> Iterator[Candidate]:
    """Yield each photo that may go, once, the explicit removals first.

    Args:
        store: The library.
        action: What is to become of them.
        options: Which groups, and explicit removals.
        left: Gets the photos that cannot go for what the library knows.

    Raises:
        ActionError: ``cluster`` has not been run.
    """
    groups = _groups(store, options)
    ids = {member.photo_id for group in groups for member in group.members}
    photos = store.photos_by_id({*ids, *options.removals, *options.removals.values()})
    seen: set[int] = set()
    for photo_id, kept_id in options.removals.items():
        if photo_id in photos and kept_id in photos:
            seen.add(photo_id)
            yield Candidate(photos[photo_id], photos[kept_id], decided=True)
    for group in groups:
        found = _sharing(group, photos) if action.shares else _going(group, photos, left)
        for candidate in found:
            if candidate.photo.id not in seen:
                seen.add(candidate.photo.id)
                yield candidate


def _groups(store: Store, options: PlanOptions) -> list[Group]:
    if store.latest_run("cluster") is None and not options.removals:
        raise ActionError("no groups have been looked for yet; run `dupfind cluster` first")
    wanted = options.groups
    return [group for group in store.groups() if wanted is None or group.id in wanted]


def _going(group: Group, photos: dict[int, Photo], left: list[LeftAlone]) -> Iterator[Candidate]:
    """Yield the members that may go, each with the one that nothing is lost with."""
    for member in group.members:
        if not member.may_go:
            continue
        photo = photos[member.photo_id]
        kept = _survivor(member, group, photos)
        if kept is None:
            words = "the photo that it is the same as is no longer known to stay"
            left.append(LeftAlone(photo.path, words, photo.id))
        else:
            yield _candidate(member, group, photo, kept)


def _sharing(group: Group, photos: dict[int, Photo]) -> Iterator[Candidate]:
    """Yield the members that may share the bytes of another one, whichever of the same bytes stays."""
    by_bytes: dict[str, list[Member]] = defaultdict(list)
    for member in group.members:
        by_bytes[photos[member.photo_id].sha256].append(member)
    for members in by_bytes.values():
        stays = min(
            members,
            key=lambda one: (one.may_go, not photos[one.photo_id].is_reference, not one.keep),
        )
        for member in members:
            if member is not stays and member.may_go:
                kept = photos[stays.photo_id]
                yield _candidate(member, group, photos[member.photo_id], kept)


def _candidate(member: Member, group: Group, photo: Photo, kept: Photo) -> Candidate:
    reasons = tuple(reason.value for reason in member.reasons)
    relation = str(member.relation)
    return Candidate(photo, kept, group.id, relation, reasons, _is_decided(member))


def _survivor(member: Member, group: Group, photos: dict[int, Photo]) -> Photo | None:
    """Return the photo whose being there makes ``member`` superfluous."""
    photo, kept = photos[member.photo_id], photos[group.keep.photo_id]
    staying = [photos[one.photo_id] for one in group.members if not one.may_go]
    if _is_decided(member) or photo.sha256 == kept.sha256:
        return kept
    if Reason.SAME_BYTES in member.reasons:
        return next((other for other in staying if other.sha256 == photo.sha256), None)
    if Reason.SAME_PIXELS in member.reasons and member.relation != Relation.SAME_PIXELS:
        return next((other for other in staying if _is_same_picture(other, photo)), None)
    return kept


def _is_same_picture(a: Photo, b: Photo) -> bool:
    sizes = [(photo.pixels_sha256, photo.width, photo.height) for photo in (a, b)]
    if sizes[0] != sizes[1]:
        return False
    try:
        return same_pixels(a.path, b.path)
    except PhotoError:
        return False


def _is_decided(member: Member) -> bool:
    """Whether a person said so."""
    return member.decision is Verb.REMOVE
