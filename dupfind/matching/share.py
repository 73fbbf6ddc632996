"""How many of a collection's pairs that were looked at are copies: over all, and in a series.

In:  log odds of pairs, and their rows. Out: shares. No disk, database or model.

The judge's log odds hold where copies and look-alikes are equally many. An album of holiday photos has hardly
any look-alikes, twelve invoices of one supplier are nothing else: what else was found tells which it is.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

EVEN = 0.5  # share of copies where nothing is known
LEAST, MOST = 0.02, 0.95
MOST_DOUBTED = 0.3  # share of copies at most among pairs that the proof nearly ruled out
PAIRS_FOR_ALL = 2.0  # pairs that the assumption of even numbers weighs
PAIRS_FOR_ONE = 4.0  # other pictures that the share over all weighs as much as
CLEAR = 3.0  # log odds at even numbers from which on two photos are one picture
PASSES = 0.8  # probability from which on they are
_ROUNDS, _SERIES_ROUNDS = 100, 6


def estimate_share(scores: NDArray[np.float64]) -> float:
    """Return the share of copies among pairs, from their log odds (n,) at even numbers.

    A few pairs of even numbers are counted with them, so that one pair decides nothing.

    Source: Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities" (expectation maximisation).
    """
    share = EVEN
    for _ in range(_ROUNDS):
        found = float(at_share(scores, share).sum())
        share = (found + PAIRS_FOR_ALL * EVEN) / (len(scores) + PAIRS_FOR_ALL)
    return float(np.clip(share, LEAST, MOST))


def shares_by_crowd(
    scores: NDArray[np.float64], is_likely: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return for each pair the share of copies in its crowd, (n,): the likely pairs or the others.

    Of pairs that the proof nearly ruled out at most ``MOST_DOUBTED`` are copies, however a few of them look:
    what other pictures under one watermark share is exactly alike.
    """
    shares = np.full(len(scores), EVEN)
    for crowd, most in ((is_likely, MOST), (~is_likely, MOST_DOUBTED)):
        shares[crowd] = min(estimate_share(scores[crowd]), most)
    return shares


def shares_by_series(
    scores: NDArray[np.float64], rows: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each pair the share of copies to expect of it, (n,): that of its crowd, or less.

    Clear copies are one picture. A picture that is unclear with several others belongs to a series of
    look-alikes (the invoices of a year), more often than all of these are strong edits of it. Pairs that pass
    make their pictures one, and what was unclear with both is counted once from then on.

    Args:
        scores: (n,) log odds at even numbers.
        rows: (n, 2) the photos of each pair.
        shares: (n,) of the crowd of each.
    """
    is_one, local = scores >= CLEAR, shares
    for _ in range(_SERIES_ROUNDS):
        others = _others(rows, is_one, scores)
        local = np.clip(shares * PAIRS_FOR_ONE / (others + PAIRS_FOR_ONE), LEAST, MOST)
        more = is_one | (at_share(scores, local) >= PASSES)
        if (more == is_one).all():
            break
        is_one = more
    return np.asarray(local, np.float64)


def _others(
    rows: NDArray[np.int64], is_one: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each pair how many look-alikes its two pictures have besides, (n,); 0 within a picture.

    Two pictures with several pairs count once, and the less the nearer the best of these is to a clear copy.
    """
    if not len(rows):
        return np.zeros(0)
    count = int(rows.max()) + 1
    ties = coo_matrix((np.ones(int(is_one.sum())), rows[is_one].T), shape=(count, count))
    pictures = np.sort(connected_components(ties, directed=False)[1][rows], axis=1)
    apart = pictures[:, 0] != pictures[:, 1]
    between, place = np.unique(pictures[apart], axis=0, return_inverse=True)
    best = np.full(len(between), -np.inf)
    np.maximum.at(best, place.ravel(), scores[apart])
    weight = np.clip(1 - best / CLEAR, 0, 1)
    degree = np.zeros(count)
    np.add.at(degree, between.ravel(), np.repeat(weight, 2))
    others = np.zeros(len(rows))
    others[apart] = degree[pictures[apart]].sum(axis=1) - 2 * weight[place.ravel()]
    return others


def at_share(
    scores: NDArray[np.float64], share: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the probability of each pair, (n,), where copies have this share."""
    return np.asarray(1 / (1 + np.exp(-scores) * (1 - share) / share), np.float64)
