"""Say which of the photos near one that is asked for are worth a proof: as ``candidates`` does for all pairs.

The photo asked for has votes and a descriptor like any other; its background is that of the library.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.candidates import FEW, worth_a_proof
from dupfind.copies.local_index import KeptIndex
from dupfind.matching.sketch import Sketch
from dupfind.matching.voting import SketchTable, Votes

ALWAYS = 8  # photos: those asked for vote for nobody in return, so that a small part may stay below the cut
ASKED = 0  # the row of the photo that is asked for; those near follow


def promising(
    sketches: Sequence[Sketch],
    vectors: NDArray[np.float16],
    votes: Votes,
    background: NDArray[np.float16],
) -> NDArray[np.bool_]:
    """Return which photos near are worth a proof, (photos near,) bool: a few, and in a small library all.

    Args:
        sketches: Of the photo asked for, and of those near.
        vectors: Descriptors of the same, (1 + photos near, dimensions).
        votes: Between these, by their places.
        background: Descriptors of the library, some of them (``matching.worth.background_of``).
    """
    near = np.arange(1, len(sketches))
    if len(background) < FEW:
        return np.ones(len(near), bool)
    pairs = np.column_stack([np.full_like(near, ASKED), near])
    table = SketchTable.of(sketches)
    passes, odds = worth_a_proof(pairs, votes, table, vectors, background=background)
    passes[np.argsort(-odds, kind="stable")[:ALWAYS]] = True
    return passes


def votes_among(index: KeptIndex, votes: Votes, near: Sequence[str]) -> Votes:
    """Return those votes of the photo asked for that go to the contents near, whose rows are 1, 2, ..."""
    place = {content: row for row, content in enumerate(near, 1)}
    rows = np.array([place.get(content, -1) for content in index.contents], np.int64)
    # The voter is no photo of the index, so it has no row there to be renamed by.
    target = rows[votes.target]
    asked = replace(votes, voter=np.zeros_like(target), target=target)
    return asked.where(target > 0)
