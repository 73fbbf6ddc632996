"""Words for what a person decided."""

import os
from collections.abc import Sequence
from datetime import datetime

from dupfind.decisions import DecidedContent, Decision, GroupState, Verb
from dupfind.records import Member
from dupfind.reports.words import count, safe_name

NAMES_SHOWN = 4
_STATES = {
    GroupState.OPEN: "",
    GroupState.PARTLY: "partly decided",
    GroupState.LATER: "put off until later",
    GroupState.DECIDED: "decided",
    GroupState.SETTLED: "settled: all of it stays",
}
_VERBS = {
    Verb.KEEP: "keep",
    Verb.REMOVE: "remove",
    Verb.CLEAR: "no longer decided",
    Verb.KEEP_ALL: "keep all of",
    Verb.LATER: "later",
    Verb.NOT_DUPLICATES: "not duplicates",
}


def state_words(state: GroupState) -> str:
    """Say how far a person is with a group; nothing for an open one."""
    return _STATES[state]


def member_words(member: Member) -> str:
    """Say what a person decided of a photo: "you removed this on 3 May 2026; it is there again"."""
    if member.removed_at:
        return f"{removed_words(member.removed_at)}; it is there again"
    if member.decision is Verb.KEEP:
        return "you decided to keep it"
    return "you decided to remove it" if member.decision is Verb.REMOVE else ""


def removed_words(when: str) -> str:
    """Say when something was removed: "you removed this on 3 May 2026"."""
    return f"you removed this on {day(when)}"


def day(when: str) -> str:
    """Return the day of a time in UTC as this machine's clock has it: "3 May 2026"."""
    local = datetime.fromisoformat(when).astimezone()
    return f"{local.day} {local:%b %Y}"


def decision_words(decision: Decision) -> str:
    """Say what was decided: "keep a.jpg; remove b.jpg, c.jpg"."""
    if decision.undoes is not None:
        return f"take back step {decision.undoes}"
    if decision.verb == Verb.NOT_DUPLICATES:
        return f"not duplicates: {_sides(decision.contents)}"
    if decision.verb in (Verb.KEEP_ALL, Verb.LATER):
        return f"{_VERBS[Verb(decision.verb)]}: {_names(decision.contents)}"
    parts = [(verb, _with_role(decision.contents, verb)) for verb in Verb]
    return "; ".join(f"{_VERBS[verb]} {_names(contents)}" for verb, contents in parts if contents)


def _sides(contents: Sequence[DecidedContent]) -> str:
    ours, theirs = _with_role(contents, "a"), _with_role(contents, "b")
    return f"{_names(ours)} and {_names(theirs)}" if theirs else _names(contents)


def _with_role(contents: Sequence[DecidedContent], role: str) -> list[DecidedContent]:
    return [content for content in contents if content.role == role]


def _names(contents: Sequence[DecidedContent]) -> str:
    names = [safe_name(os.fspath(content.path.name)) for content in contents[:NAMES_SHOWN]]
    more = len(contents) - len(names)
    return ", ".join(names) + (f" and {count(more, 'more photo')}" if more else "")
