"""Compare the colours of the pictures of a group: what explains what, and what was written over.

In:  a ``Family``. Out: numbers and masks of each pair. No disk, database or model.

The colours of one picture are fitted to another's by a curved mixture of its channels. What that cannot
explain was lost on the way, or is no part of the first: a grey copy follows from the colours, but not the
colours from the grey.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.family import Family
from dupfind.matching.overlay import written_over
from dupfind.matching.quality import LUMA
from dupfind.matching.spread import median

Floats = NDArray[np.float32]

ENOUGH_FOR_MOST = 4  # pictures from which on most of them tell what one was written over with
_FIT_EVERY = 5  # pixels: one in so many is fitted, all are compared
_RIDGE = 0.02 * np.eye(10, dtype=np.float32)
_SIDES = 7
_BLACK, _WHITE = 4, 251
_NAN = float("nan")


class Colours:
    """Compares the colours of pairs."""

    def __init__(self, family: Family) -> None:
        self.colours, self.shown = family.colours, family.shown
        self.few = len(family) < ENOUGH_FOR_MOST
        soft = [cv2.GaussianBlur(picture, (0, 0), 0.8) for picture in family.colours]
        # (pictures, channels, pixels): what is done for each channel runs along the pixels.
        self.values = np.stack([picture.reshape(-1, 3).T for picture in soft]).astype(np.float32)
        self.values /= 255
        self.terms = np.stack([_terms(values) for values in self.values])
        self.luma = np.einsum("c,pcn->pn", LUMA, self.values)
        self.colour = self.values.max(axis=1) - self.values.min(axis=1)
        self.lost, self.dimmed = _ends(family.colours, family.shown)
        y, x = np.mgrid[:_SIDES, :_SIDES] / (_SIDES - 1) * 2 - 1
        self.places = np.stack([np.ones(_SIDES**2), x.ravel(), y.ravel(), (x**2 + y**2).ravel()])

    def compare(self, a: int, b: int) -> tuple[dict[str, float], list[NDArray[np.bool_]]]:
        seen = self.shown[a] & self.shown[b]
        if seen.sum() < 400:
            nothing = np.zeros(seen.shape, bool)
            return {"difference": _NAN}, [nothing, nothing]
        inside = np.flatnonzero(seen)
        there, there_share, there_tilt = self._explain(a, b, seen, inside)
        back, back_share, back_tilt = self._explain(b, a, seen, inside)
        mixed = there | back
        apart = np.asarray(cv2.absdiff(self.values[a], self.values[b]), np.float32)
        difference = float(apart.take(inside, axis=1).mean()) * 255
        values = {
            "unexplained_b": there_share,
            "unexplained_a": back_share,
            "radial_b": there_tilt[0], "aside_b": there_tilt[1],
            "radial_a": back_tilt[0], "aside_a": back_tilt[1],
            "contrast": self._spread(b, inside) - self._spread(a, inside),
            "saturation": self._colourful(b, inside) - self._colourful(a, inside),
            "brightness": float(self.luma[b][inside].mean() - self.luma[a][inside].mean()),
            "difference": difference,
            "changed": difference,
            "covered_over": float(mixed.sum() / len(inside)),
            "lost_a": self.lost[b, a], "lost_b": self.lost[a, b],
            "dimmed_a": self.dimmed[b, a], "dimmed_b": self.dimmed[a, b],
            "written": 0.0,
        }  # fmt: skip
        if values["covered_over"] > 0.002:
            values["written"] = written_over(
                self.colours[a], self.colours[b], seen, mixed, moved=self.few
            )
        return values, [back, there]

    def _spread(self, row: int, inside: NDArray[np.int64]) -> float:
        return float(np.log(self.luma[row][inside].std() + 0.01))

    def _colourful(self, row: int, inside: NDArray[np.int64]) -> float:
        return float(np.log(self.colour[row][inside].mean() + 0.01))

    def _explain(
        self, a: int, b: int, seen: NDArray[np.bool_], inside: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], float, tuple[float, float]]:
        """Return where b is not what a explains, how much that is in all, and where light was added."""
        places = inside[::_FIT_EVERY]
        terms, wanted = self.terms[a].take(places, axis=1), self.values[b].take(places, axis=1)
        part, goal = terms, wanted
        for _ in range(2):
            fit = np.linalg.solve(part @ part.T + len(places) * _RIDGE, part @ goal.T)
            off = np.abs(wanted - fit.T @ terms).max(axis=0)
            usual = median(off)
            kept = off < max(0.03, 2.5 * usual)
            part, goal = terms.compress(kept, axis=1), wanted.compress(kept, axis=1)
        share = float(np.log(255 * float(np.sqrt((off[kept] ** 2).mean() + 1e-9)) + 0.5))
        rest = self.values[b] - fit.T @ self.terms[a]
        size = np.abs(rest).max(axis=0)
        changed = (size > max(16 / 255, 5 * usual)).reshape(seen.shape) & seen
        return changed, share, self._tilt(LUMA @ rest, self.luma[b], seen)

    def _tilt(self, rest: Floats, luma: Floats, seen: NDArray[np.bool_]) -> tuple[float, float]:
        """Return how the light that is not explained grows from the middle, and from side to side."""
        shape, grid = seen.shape, (_SIDES, _SIDES)
        weight = cv2.resize(seen.astype(np.float32), grid, interpolation=cv2.INTER_AREA).ravel()
        rest = np.where(seen, rest.reshape(shape), 0)
        small = cv2.resize(rest, grid, interpolation=cv2.INTER_AREA).ravel()
        used = weight > 0.7
        if used.sum() < 20:
            return 0.0, 0.0
        terms = self.places[:, used]
        fit = np.linalg.solve(terms @ terms.T + 1e-3 * np.eye(4), terms @ small[used])
        left = small[used] - fit @ terms
        sure = 1 - float(left.var() / (small[used].var() + 1e-6))
        return float(fit[3]) * sure * 10, float(np.hypot(fit[1], fit[2])) * sure * 10


def _ends(
    colours: NDArray[np.uint8], shown: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the shares (a, b) of values clipped in b where a has shades, and where a has one."""
    count = len(colours)
    clipped, shaded, plain = [], [], []
    for picture in colours:
        ends = np.concatenate([picture >= _WHITE, picture <= _BLACK], axis=2).astype(np.uint8)
        clipped.append(cv2.erode(ends, np.ones((3, 3), np.uint8)))
        soft = cv2.blur(picture.astype(np.float32), (3, 3))
        rough = np.abs(soft - cv2.blur(soft, (9, 9)))
        inner = (picture > _BLACK + 6) & (picture < _WHITE - 6)
        shaded.append(np.tile(rough > 1.5, (1, 1, 2)))
        plain.append(np.tile((rough < 0.4) & inner, (1, 1, 2)))
    seen = shown.reshape(count, -1).astype(np.float32)
    both = np.maximum(seen @ seen.T, 1) * 3
    marks = [
        (np.stack(kind).reshape(count, -1, 6) * seen[..., None])
        .reshape(count, -1)
        .astype(np.float32)
        for kind in (clipped, shaded, plain)
    ]
    return marks[1] @ marks[0].T / both, marks[2] @ marks[0].T / both


def _terms(values: Floats) -> Floats:
    red, green, blue = values
    return np.stack(
        [np.ones_like(red), red, green, blue, red * red, green * green, blue * blue,
         red * green, red * blue, green * blue],
    )  # fmt: skip
