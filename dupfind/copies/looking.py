"""Look closer at the proven pairs of a library, in parallel: those that hold its groups together."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dupfind.copies.kept import Kept
from dupfind.errors import PhotoError
from dupfind.matching.calibrate import SIGNALS, shipped_calibration
from dupfind.matching.closer import CloserLook, look_closer
from dupfind.matching.features import use_one_thread
from dupfind.matching.frame import FRAME_PX
from dupfind.matching.judge import (
    LOOK_FROM,
    Judge,
    look_signals,
    settled,
    shipped_judge,
)
from dupfind.matching.proven import Proven
from dupfind.matching.settle import Looked, Settling
from dupfind.matching.tile_proof import IN_TILE, cut_tile
from dupfind.photos.decode import read_known
from dupfind.progress import OnDone
from dupfind.records import Photo

if TYPE_CHECKING:
    from dupfind.copies.elsewhere import Elsewhere

NEEDED_PX = 450  # half the shorter side at least: a frame of 800 px and a little more
SMALL_PART, NEEDED_FOR_PARTS_PX = 0.3, 900  # a part of so little is looked at in more detail
_CHUNK = 64  # looks that are kept together
IN_MEMORY_BYTES = 160_000_000  # of decoded photos that are held: about forty


@dataclass(frozen=True)
class Judged:
    """What the closer looks say of proven pairs, arrays of one length.

    Attributes:
        scores: Log odds of a copy against a look-alike; NaN where there was no look.
        is_looked: Whether the pair itself was looked at; the others follow from their hub or series.
        in_series: Whether it was told apart, by a look or without, as two frames of a series.
        leads_nowhere: Whether it is of two frames of a series and no sure copy.
        looks: What was found, by place.
        unreadable: Rows of the photos whose files cannot be read, or hold other bytes by now.
    """

    scores: NDArray[np.float64]
    is_looked: NDArray[np.bool_]
    in_series: NDArray[np.bool_]
    leads_nowhere: NDArray[np.bool_]
    looks: dict[int, CloserLook]
    unreadable: frozenset[int] = frozenset()


class Looker:
    """Looks closer at pairs of photos given by row; what ``kept`` knows is not looked at again.

    ``elsewhere`` has other processes do it.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        *,
        kept: Kept | None = None,
        elsewhere: "Elsewhere | None" = None,
        workers: int = 2,
    ) -> None:
        self.photos = photos
        self.kept = kept
        self.elsewhere = elsewhere
        self._limits = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(workers, "look", initializer=use_one_thread)
        self._held: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._held_bytes = 0
        self._lock = Lock()
        self._unreadable: set[int] = set()
        self._pairs: list[Proven] = []
        self._settling = Settling(self._looked([], np.zeros(0)))
        self._looks: dict[int, CloserLook] = {}

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._limits.restore_original_limits()

    def follow(self, more: Sequence[Proven], scores: Sequence[float]) -> None:
        """Take in pairs that follow from others, with their log odds of a copy: they need no look."""
        self._settling.extend(self._looked(more, self._likely(more)), np.array(scores, np.float64))
        self._pairs.extend(more)

    def judge(
        self, more: Sequence[Proven], on_done: OnDone | None = None, *, of_hubs: bool = False
    ) -> Judged:
        """Look at those pairs that may be copies until all are settled.

        Args:
            more: Proven pairs; those without an alignment, or that the proof rules out, get no look.
            on_done: Called with (settled, all that may be copies), of these pairs.
            of_hubs: Whether to look at promising pairs alone, and at no photo further that is in a series;
                what is left is looked at the next time.

        Returns:
            What is held of all pairs that this looker was given, in their order.
        """
        shipped, settling = shipped_calibration(), self._settling
        left, wanted = settling.waiting, settling.wanted
        settling.extend(self._looked(more, self._likely(more)))
        self._pairs.extend(more)
        total = left + settling.wanted - wanted

        def tell(done_of_batch: int) -> None:
            if on_done:
                on_done(total - settling.waiting + done_of_batch, total)

        while batch := settling.next_batch(of_hubs=of_hubs):
            pairs = [self._pairs[place] for place in batch]
            found = self._look(pairs, tell)
            odds = shipped.log_odds(np.array([pair.signals for pair in pairs]))
            settling.record(batch, _scores(shipped_judge(), found, odds))
            self._looks.update({p: look for p, look in zip(batch, found, strict=True) if look})
            tell(0)
        return Judged(
            settling.scores,
            settling.is_looked,
            settling.in_series(),
            settling.leads_nowhere(),
            self._looks,
            self.unreadable,
        )

    @staticmethod
    def _likely(pairs: Sequence[Proven]) -> NDArray[np.float64]:
        signals = np.array([pair.signals for pair in pairs]).reshape(-1, len(SIGNALS))
        return shipped_calibration().probability(signals)

    def _looked(self, pairs: Sequence[Proven], proof: NDArray[np.float64]) -> Looked:
        rows = np.array([(pair.a, pair.b) for pair in pairs], np.int64).reshape(-1, 2)
        covered = np.array([_covered(pair) for pair in pairs]).reshape(-1, 2)
        aligned = np.array([pair.matrix is not None for pair in pairs], bool)
        sides_px = [side_px(self.photos[row]) for row in rows.ravel().tolist()]
        return Looked(
            rows,
            proof,
            covered,
            aligned & (proof >= LOOK_FROM),
            np.array(sides_px, np.float64).reshape(-1, 2),
        )

    def _look(
        self, pairs: Sequence[Proven], tell: Callable[[int], None]
    ) -> list[CloserLook | None]:
        looks = self.kept.looks(pairs) if self.kept else {}
        # Those of the same photos one after the other: each is decoded once.
        todo = sorted(set(range(len(pairs))) - looks.keys(), key=lambda p: (pairs[p].a, pairs[p].b))
        size = self.elsewhere.chunk if self.elsewhere else _CHUNK
        for start in range(0, len(todo), size):
            looks |= self._look_anew({place: pairs[place] for place in todo[start : start + size]})
            tell(len(pairs) - len(todo[start + size :]))
        return [looks.get(place) for place in range(len(pairs))]

    def _look_anew(self, pairs: Mapping[int, Proven]) -> dict[int, CloserLook | None]:
        """Look at pairs by place and keep what is found; without those that cannot be read."""
        found = zip(pairs, self._attempts(list(pairs.values())), strict=True)
        looks = {place: look for place, (is_read, look) in found if is_read}
        if self.kept:
            self.kept.keep_looks([(pairs[place], look) for place, look in looks.items()])
        return looks

    def _attempts(self, pairs: Sequence[Proven]) -> list[tuple[bool, CloserLook | None]]:
        if self.elsewhere is None or not self.elsewhere.takes(len(pairs)):
            return list(self._pool.map(self.attempt, pairs))
        looks = self.elsewhere.look(self.photos, pairs)
        self._unreadable |= looks.unreadable
        return looks.found

    @property
    def unreadable(self) -> frozenset[int]:
        """The rows of photos whose files cannot be read, or hold other bytes by now."""
        return frozenset(self._unreadable)

    def attempt(self, pair: Proven) -> tuple[bool, CloserLook | None]:
        """Look at one pair; say whether both photos could be read, and what was seen."""
        try:
            return True, self._look_at(pair)
        except PhotoError:  # it cannot be read any more, or is another: nothing is known
            return False, None

    def _look_at(self, pair: Proven) -> CloserLook | None:
        """Look at one pair; None where there is too little to see.

        Raises:
            PhotoError: A photo cannot be read any more, or is another.
        """
        if pair.matrix is None:
            return None
        small = (pair.evidence.crop_share or 1.0) < SMALL_PART
        needed_px = NEEDED_FOR_PARTS_PX if small else NEEDED_PX
        a, b = (self._pixels(row, needed_px) for row in (pair.a, pair.b))
        if pair.evidence.method == IN_TILE and pair.evidence.crop_box is not None:
            return _look_in_tile(pair, a, b)
        return look_closer(a, b, pair.matrix)

    def _pixels(self, row: int, needed_px: int) -> NDArray[np.uint8]:
        key = row, needed_px
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        try:
            pixels = read_known(self.photos[row], needed_px=needed_px).pixels
        except PhotoError:
            self._unreadable.add(row)
            raise
        with self._lock:
            if key not in self._held:  # another thread may have read it meanwhile
                self._held[key] = pixels
                self._held_bytes += pixels.nbytes
            while len(self._held) > 1 and self._held_bytes > IN_MEMORY_BYTES:
                self._held_bytes -= self._held.popitem(last=False)[1].nbytes
        return pixels


def _look_in_tile(pair: Proven, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> CloserLook | None:
    """Look at one picture of a collage, cut from it, and at the photo that it shows."""
    if pair.matrix is None or pair.evidence.crop_box is None:
        return None
    box = pair.evidence.crop_box
    if pair.evidence.part == "b":
        tile, to_collage = cut_tile(a, box)
        return look_closer(tile, b, np.asarray(pair.matrix @ to_collage, np.float64))
    tile, to_collage = cut_tile(b, box)
    return look_closer(a, tile, np.asarray(np.linalg.inv(to_collage) @ pair.matrix, np.float64))


def side_px(photo: Photo) -> float:
    """Return the side of a square with as many pixels as a look sees of a photo."""
    longest_px = max(photo.width, photo.height, 1)
    return float((photo.width * photo.height) ** 0.5 * min(1.0, FRAME_PX / longest_px))


def _covered(pair: Proven) -> tuple[float, float]:
    """Return what share of a shows b, and of b shows a."""
    found = pair.evidence
    if pair.container >= 0:
        return 0.0, 0.0
    if found.part is None:
        return 1.0, 1.0
    whole, part = found.crop_share or 0.0, found.part_share or 0.0
    return (part, whole) if found.part == "a" else (whole, part)


def _scores(
    judge: Judge, looks: Sequence[CloserLook | None], odds: NDArray[np.float64]
) -> list[float]:
    seen = {
        place: look_signals(look, float(odds[place]))
        for place, look in enumerate(looks)
        if look is not None
    }
    scores = np.full(len(looks), np.nan)
    if seen:
        scores[list(seen)] = judge.log_odds(np.array(list(seen.values())))
        for place, look in enumerate(looks):
            if look is not None:
                scores[place] = settled(look, float(scores[place]))
    return [float(score) for score in scores]
