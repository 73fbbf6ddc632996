"""What a person did on the page, as choices to record."""

from typing import Any

from dupfind.decisions import Choice, Verb
from dupfind.review.filters import BadRequestError

Json = dict[str, Any]


def choices_of(action: str, group: Json, values: Json) -> list[Choice]:
    """Turn what a person did on the page into choices.

    Args:
        action: ``keep``, ``marks``, ``keep-all``, ``not-duplicates``, ``later`` or ``clear``.
        group: The group, as the page has it.
        values: ``photo`` (of ``keep`` and ``not-duplicates``), ``remove`` (ids, of ``marks``).

    Raises:
        BadRequestError: There is no such action, or a photo is not in the group.
    """
    ids = tuple(member["photo"] for member in group["members"])
    match action:
        case "keep":
            photo = _one_of(values.get("photo"), ids)
            return kept_and_removed((photo,), tuple(one for one in ids if one != photo), group)
        case "marks":
            removed = tuple(_one_of(photo, ids) for photo in values.get("remove", ()))
            kept = tuple(one for one in ids if one not in removed)
            if not kept:
                raise BadRequestError("one photo of the group has to stay")
            return kept_and_removed(kept, removed, group)
        case "not-duplicates" if values.get("photo") is not None:
            photo = _one_of(values["photo"], ids)
            others = tuple(one for one in ids if one != photo)
            return [Choice(Verb.NOT_DUPLICATES, (photo,), others)]
        case "not-duplicates" | "keep-all" | "later" | "clear":
            return [Choice(Verb(action), ids)]
    raise BadRequestError(f"there is no action {action[:40]!r}")


def kept_and_removed(kept: tuple[int, ...], removed: tuple[int, ...], group: Json) -> list[Choice]:
    """Return the choices that keep and remove photos of a group; references are never removed."""
    references = {member["photo"] for member in group["members"] if member["reference"]}
    spared = tuple(photo for photo in removed if photo in references)
    removed = tuple(photo for photo in removed if photo not in references)
    if not removed:
        return [Choice(Verb.KEEP_ALL, (*kept, *spared))]
    return [Choice(Verb.KEEP, (*kept, *spared)), Choice(Verb.REMOVE, removed)]


def _one_of(value: Any, ids: tuple[int, ...]) -> int:
    if not isinstance(value, int) or value not in ids:
        raise BadRequestError("that photo is not in this group")
    return value
