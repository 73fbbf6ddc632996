"""Say in words what would be lost if one photo of a group went."""

from dataclasses import replace

from dupfind.records import Advice, Group, Member, Photo
from dupfind.reports.words import explain, reason_of

_UNKNOWN = "it could not be told what would be lost"


def loss_of(member: Member, group: Group) -> str:
    """Say what is lost if this member goes and the kept photo stays; of the kept one, why not it.

    For example "Nothing: saved again; the kept one is at least as good".
    """
    reason = reason_of(member, group)
    if member.keep:
        return f"the best one of the group ({reason})"
    if member.advice is Advice.REMOVE:
        return f"nothing: {reason}" if reason else "nothing"
    return f"a picture that is not the same: {reason}" if reason else _UNKNOWN


def told_apart(member: Member, photo: Photo, kept: Photo) -> str:
    """Say how the kept photo is related to a member, as ``explain`` does for the other direction."""
    turned = replace(member, keep=False, evidence=member.evidence.reversed())
    return explain(turned, kept, photo)
