"""Bring a removal that was begun to one end: all of it done, or all of it taken back."""

import errno
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from dupfind.actions.files import StrandedError
from dupfind.actions.restoring import spot_of
from dupfind.acts import Entry, Event


@dataclass(frozen=True, slots=True)
class Settled:
    """How an entry stands after it was settled."""

    entry: Entry
    event: Event
    words: str = ""


def settle(entries: Sequence[Entry], *, forward: bool, words: str) -> list[Settled]:
    """Bring the entries of one removal to one end: all done, or all taken back.

    Args:
        entries: Those of a removal that were intended, and of which no end is known.
        forward: Finish when all of them are where they should go; else only when there is no way
            back.
        words: What is noted of those that are taken back.

    Raises:
        OSError: A disk fails; the entries stay as they are and can be settled again.
    """
    with ExitStack() as stack:
        spots = [spot_of(stack, entry) for entry in entries]
        if any(spot.is_out_of_sight() for spot in spots):
            raise FileNotFoundError(errno.ENOENT, "its disk or folder is not there")
        if any(spot.must_finish() for spot in spots) or (
            forward and all(spot.may_finish() for spot in spots)
        ):
            for spot in spots:
                spot.finish()
            return [Settled(entry, Event.DONE) for entry in entries]
        settled = []
        for spot, entry in zip(spots, entries, strict=True):
            try:
                spot.take_back()
                settled.append(Settled(entry, Event.FAILED, words))
            except StrandedError as error:
                settled.append(Settled(entry, Event.DONE, str(error)))
        return settled
