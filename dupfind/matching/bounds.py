"""Tell whether a JPEG is what saving another picture gives: all of it within the steps it was saved with.

In:  two looks that show the same the same way round. Out: ``Beyond``; nothing for other files. No disk,
database or model.

A JPEG rounds each frequency of a block of 8 x 8 to a step of its table. Saved from the other picture, none of
them can be further from that picture's than half a step, and what is beyond comes from rounding pixels alone.
What was written, moved, toned or sharpened is beyond somewhere; of what stays within, the kept picture has it
all. Noise and sharpening beneath a coarse saving stay within as well, but they push frequencies over the
border between two steps: which side each is on follows from the other picture, but for those next to a border.
What was saved before with other steps is on the wrong side as well, but always the same values are.
The limits are what copies of photos reach that were saved by two programs and with all kinds of tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest
from dupfind.matching.quality import BLOCK_FREQUENCIES, Look, whole_blocks
from dupfind.matching.reducing import reduced_as

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Counts = NDArray[np.float64]

LEVELS = 1.5  # grey levels that decoding and colours round a frequency by
LEVELS_REDUCED = 3.0  # and that the ways of reducing differ by, with the same softness
CLEAR_OF_BORDER = 2.0  # grey levels beside a border between two steps where rounding pixels decides
BORDER_LEVELS = 3.0  # and the width of the strip behind that, in which noise decides
MISROUNDED = 0.005  # share of such frequencies; of copies that were only saved it is 0.002 at most
CLEAN_LEVELS = 1.5  # that the frequencies of a decoded block are off the steps by rounding pixels
FEWEST_ROUNDED = 300  # frequencies
BY_CHANCE = 0.8  # of those on the wrong side (``Beyond.mixed``); by a saving before 0.7 at most, by noise 0.9
FEWEST_WRONG = 5
BY_VALUE = 0.05  # and at most where it follows from the value: the steps of a saving before
_BLOCK = 8
_STRIPE = 64  # rows of blocks at once
_EVEN_PX = 17
_SAME_VALUE = 3  # frequencies of one place and value, that can say whether they are rounded alike
_VALUES = 2400  # whole ones that a frequency of 256 levels can have
_GREY_LEVELS = 4.0  # of colours: less is grey


@dataclass(frozen=True)
class Beyond:
    """How far a JPEG is beyond half a step of its table from another picture.

    Attributes:
        step: Mean of its table.
        worst, fourth: Grey levels (rms of a block's frequencies) in the worst block, and the fourth worst.
        share: Share of the blocks that are beyond by half a level.
        often: Share of the frequencies, of those that are not nothing, that are beyond at all.
        level: Grey levels by which most blocks are lighter or darker, times 8.
        colour, colours: Levels of chroma that the most different place, and most places, are apart.
        coloured: Levels of chroma that it has more than the other one where that is grey.
        misrounded: Share of the frequencies near a border between two steps that are on the wrong side of it;
            0 where that cannot be told.
        mixed: How little it follows from the value which of these are: 0 where all of one value or none are,
            1 where it is chance; None where too few are.
    """

    step: float
    worst: float
    fourth: float
    share: float
    often: float
    level: float
    colour: float
    colours: float
    coloured: float
    misrounded: float = 0.0
    mixed: float | None = None

    @property
    def is_disturbed(self) -> bool:
        """Whether chance moved what was saved: noise, that a saving hides."""
        return self.misrounded > MISROUNDED and self.mixed is not None and self.mixed > BY_CHANCE

    @property
    def was_saved_before(self) -> bool:
        """Whether what was saved was a copy, saved with other steps, and nothing else."""
        return self.misrounded > MISROUNDED and self.mixed is not None and self.mixed < BY_VALUE

    @property
    def is_within(self) -> bool:
        """Whether nothing was done but saving, as far as anything can be told."""
        return (
            self.misrounded <= MISROUNDED
            and self.worst <= 6.0
            and self.fourth <= 3.5
            and self.share <= 0.15
            and self.often <= 0.08
            and self.level <= 0.5 + 0.24 * self.step
            and self.colour <= 1.5 + 0.1 * self.step
            and self.colours <= 1.0 + 0.006 * self.step
            and self.coloured <= 0.5
        )

    @property
    def is_beyond_in_places(self) -> bool:
        """Whether a few blocks are far beyond and the others within: something was put there.

        What was saved coarsely before, in this or another way, is beyond in most blocks.
        """
        return self.share <= 0.15 and self.worst > 8.0


def beyond(a: Look, b: Look, colour_a: Pixels, seen: Mask) -> Beyond | None:
    """Compare a JPEG b with a picture that shows the same; None where that cannot be told.

    Args:
        a, b: The two; b no larger.
        colour_a: a's reduced colours drawn as b's.
        seen: Where both show something.
    """
    if b.table is None or min(b.grey.shape) < 2 * _BLOCK or (b.one_channel and not a.one_channel):
        return None
    if any(one < other for one, other in zip(a.grey.shape, b.grey.shape, strict=True)):
        return None
    reduced = a.grey.shape != b.grey.shape
    grey = reduced_as(a.grey, b.grey) if reduced else a.grey.astype(np.float32)
    worst, often, level = _of_frequencies(
        grey, b.grey, b.table, LEVELS_REDUCED if reduced else LEVELS
    )
    colour, colours, coloured = _of_chroma(colour_a, b.colour, seen)
    ordered = np.sort(worst)[::-1]
    told = not reduced and not a.modern
    misrounded, mixed = _misrounded(a, b, b.table) if told else (0.0, None)
    return Beyond(
        float(b.table.mean()), float(ordered[0]), float(ordered[min(3, len(ordered) - 1)]),
        float((worst > 0.5).mean()), often, level, colour, colours, coloured,
        misrounded, mixed,
    )  # fmt: skip


def _misrounded(a: Look, b: Look, table: Floats) -> tuple[float, float | None]:
    """Return which share of b's frequencies near a border is not what a's are rounded to, and ``mixed``.

    a may be a copy that was saved by itself: its own steps move the border too. Those of a WebP are unknown.
    """
    steps, before = table.ravel(), 0.0 if a.table is None else a.table.ravel()
    from_border = np.maximum(CLEAR_OF_BORDER, 1 + np.asarray(before) / 2)
    to_border = from_border + BORDER_LEVELS
    told = steps > 2 * to_border
    told[0] = False  # the mean of a block moves with a change of brightness
    near = np.zeros(
        (2, len(steps) * _VALUES)
    )  # by place and value: all, and those on the wrong side
    for one, two in _stripes(a.grey, b.grey) if told.any() else ():
        nearest, own = np.rint(one / steps), np.rint(two / steps)
        border = steps / 2 - np.abs(one - nearest * steps)
        # Where decoding clipped a colour, what was rounded to is lost.
        kept = (np.abs(two - own * steps)[:, told] <= CLEAN_LEVELS).all(axis=1)
        looked_at = kept[:, None] & told & (border > from_border) & (border < to_border)
        place = np.nonzero(looked_at)[1] * _VALUES + np.rint(one[looked_at]).astype(np.int64)
        near[0] += np.bincount(place + _VALUES // 2, minlength=near.shape[1])
        is_wrong = (own != nearest)[looked_at]
        near[1] += np.bincount(place[is_wrong] + _VALUES // 2, minlength=near.shape[1])
    share = float(near[1].sum() / max(1.0, near[0].sum()))
    return (share, _mixed(*near)) if near[0].sum() >= FEWEST_ROUNDED else (0.0, None)


def _mixed(count: Counts, wrong: Counts) -> float | None:
    """Return how little it follows from the value which frequencies are wrong (``Beyond.mixed``)."""
    some = count >= _SAME_VALUE
    count, wrong = count[some], wrong[some]
    if wrong.sum() < FEWEST_WRONG:
        return None
    return float((wrong * (count - wrong) / (count - 1)).sum() / wrong.sum())


def _stripes(grey: Pixels | Floats, other: Pixels) -> Iterator[tuple[Floats, Floats]]:
    """Yield the frequencies of both pictures' blocks, (blocks, 64) each, some rows at a time."""
    rows = _STRIPE * _BLOCK
    for top in range(0, grey.shape[0] // _BLOCK * _BLOCK, rows):
        one, two = (
            whole_blocks(np.asarray(part[top : top + rows], np.float32)) for part in (grey, other)
        )
        yield _frequencies(one), _frequencies(two)


def _frequencies(blocks: Pixels | Floats) -> Floats:
    return np.asarray(blocks.reshape(-1, _BLOCK * _BLOCK) @ BLOCK_FREQUENCIES, np.float32)


def _of_frequencies(
    grey: Floats, other: Pixels, table: Floats, levels: float
) -> tuple[Floats, float, float]:
    """Return what is beyond in each block, the share of frequencies that is, and the usual shift."""
    steps = table.ravel()
    per_block, shifts, alive, over = [], [], 0, 0
    for one, two in _stripes(grey, other):
        apart = np.abs(one - two) - steps / 2 - levels
        told = np.maximum(np.abs(one), np.abs(two)) > steps / 2
        alive, over = alive + int(told.sum()), over + int((told & (apart > 0)).sum())
        per_block.append(np.sqrt((np.maximum(apart, 0) ** 2).mean(axis=1)))
        shifts.append(one[:, 0] - two[:, 0])
    return (
        np.concatenate(per_block),
        over / max(1, alive),
        abs(float(np.median(np.concatenate(shifts)))),
    )


def _of_chroma(a: Pixels, b: Pixels, seen: Mask) -> tuple[float, float, float]:
    one, two = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) for p in (a, b))
    apart = highest(np.abs(cv2.blur(one - two, (_EVEN_PX, _EVEN_PX))))
    inner = cv2.blur(seen.astype(np.float32), (_EVEN_PX, _EVEN_PX)) > 0.99
    inner = inner if inner.any() else seen
    strong_a, strong_b = (float(np.abs(chroma[seen] - 128).max(initial=0)) for chroma in (one, two))
    return (
        float(apart[inner].max(initial=0)),
        float(np.abs(np.median((one - two)[seen], axis=0)).max()) if seen.any() else 0.0,
        max(0.0, strong_b - strong_a) if strong_a < _GREY_LEVELS else 0.0,
    )
