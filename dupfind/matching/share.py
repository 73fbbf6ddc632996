"""How many of a collection's pairs that were looked at are copies: over all, and among a photo's own pairs.

In:  log odds of pairs, and their rows. Out: shares. No disk, database or model.

The judge's log odds hold where copies and look-alikes are equally many. An album of holiday photos has hardly
any look-alikes, twelve invoices of one supplier are nothing else: what else was found tells which it is.
"""

import numpy as np
from numpy.typing import NDArray

EVEN = 0.5  # share of copies where nothing is known
LEAST, MOST = 0.02, 0.95
PAIRS_FOR_ALL = 2.0  # pairs that the assumption of even numbers weighs
PAIRS_FOR_ONE = 6.0  # pairs that the share over all weighs among those of one photo
_ROUNDS = 100


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
    """Return for each pair the share of copies in its crowd, (n,): the likely pairs or the others."""
    shares = np.full(len(scores), EVEN)
    for crowd in (is_likely, ~is_likely):
        shares[crowd] = estimate_share(scores[crowd])
    return shares


def shares_by_photo(
    scores: NDArray[np.float64], rows: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each pair the share of copies to expect of it, (n,): that of its crowd, or less.

    A photo of which other pairs were refused is one of a series of look-alikes. The pair itself does not count.

    Args:
        scores: (n,) log odds at even numbers.
        rows: (n, 2) the photos of each pair.
        shares: (n,) of the crowd of each.
    """
    if not len(scores):
        return np.zeros(0)
    probable = at_share(scores, shares)
    count = int(rows.max()) + 1
    found, pairs = np.zeros(count), np.zeros(count)
    for side in (0, 1):
        np.add.at(found, rows[:, side], probable)
        np.add.at(pairs, rows[:, side], 1.0)
    copies = found[rows].sum(axis=1) - 2 * probable
    others = pairs[rows].sum(axis=1) - 2
    local = (copies + PAIRS_FOR_ONE * shares) / (others + PAIRS_FOR_ONE)
    return np.asarray(np.clip(np.minimum(local, shares), LEAST, MOST))


def at_share(
    scores: NDArray[np.float64], share: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the probability of each pair, (n,), where copies have this share."""
    return np.asarray(1 / (1 + np.exp(-scores) * (1 - share) / share), np.float64)
