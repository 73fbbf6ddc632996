"""Tell what was only saved anew or reduced from what was edited a little.

In:  two whole pictures laid on each other. Out: the numbers of ``SIGNS``, and the log odds that nothing else
was done. No disk, database or model but the trees that ship.

Saving rounds: what it changes grows with what stands there, is as often lighter as darker, and follows from
nothing. A blur takes away what a blur of the first takes away; noise is the same in plain places; a change of
colours is the same in all places; a thing laid over is in one. The trees were grown on copies made of
photos: ``benchmarks/fit_resaved.py``.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError
from dupfind.matching.channels import highest
from dupfind.matching.places import of_blocks, of_colours, of_places
from dupfind.matching.quality import LUMA, Look
from dupfind.matching.sharpness import hardest_edges, sharpness
from dupfind.matching.tones import Tones
from dupfind.matching.trees import Trees

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

LONG_PX = 640  # of the smaller picture's part that is compared at its own size
_NAN = float("nan")
SIGNS = (
    "size", "stretched", "pixels", "steps_a", "steps_b", "blocked_a", "blocked_b", "bytes_a", "bytes_b",
    "lossless_a", "lossless_b", "modern_a", "modern_b", "comb", "colours_a", "colours_b", "line",
    "changed", "contrast", "lost", "dimmed", "uneven", "toned",
    "red", "green", "blue", "saturation",
    "usual", "flat_usual", "busy_usual", "bend", "place_0", "place_1", "places",
    "soft_luma", "soft_colour", "soft_worst",
    "finest", "fine", "middle", "shared", "noise_a", "noise_b", "white_b", "even_b", "flat_a", "flat_b",
    "edges", "like_x", "like_y", "like_all", "like_wide", "like_share", "lighter",
    "sharper", "shift", "block_0", "block_1", "block_2", "ratio_0", "ratio_1", "ratio_2",
    "block_usual", "block_flat", "block_busy",
    "bound_0", "bound_1", "bound_share", "bound_usual", "chroma_0", "chroma_1", "chroma_usual",
)  # fmt: skip
STANDS_OUT = 2.0  # natural logarithm of what a block differs by over what is usual
STANDS_OUT_LEVELS = 2.5  # and natural logarithm of grey levels
BEYOND_STEPS = 2.2  # natural logarithm of grey levels beyond what its table explains
WRITTEN_OVER = -3.0  # log odds at most
LIKELY_SAVED = 2.8  # log odds from which on what moved by chance is that of a WebP or AVIF before
NOISIER, NOISIER_LEVELS = 1.05, 0.05  # times and levels more noise than the kept one has
NOISE_LEVELS = 1.2  # natural logarithm of 1 + grey levels by which all blocks differ, busy or not
NOISE_EVEN = 0.8  # and by so much more the busy ones, at most
NOISE_ADDED = 0.3  # grey levels over the noise of the kept one
NOISE_DOUBT = 2.0  # log odds for saving alone, at most
# The larger these are, the more they can only speak against it.
AGAINST = frozenset(
    {"toned", "lost", "dimmed", "place_0", "place_1", "places", "soft_worst", "shift",
     "ratio_0", "ratio_1", "ratio_2", "bound_0", "bound_1", "bound_share", "chroma_1"}
)  # fmt: skip


@dataclass(frozen=True)
class Laid:
    """How two pictures compare that were laid on each other.

    Attributes:
        colour_a: (height, width, 3), a's colours drawn as b's.
        seen: (height, width), where both show something.
        tones: How their tones compare; None where that is too little.
        toned: Grey levels by which all colours were changed (``tones.toned``).
    """

    colour_a: Pixels
    seen: Mask
    tones: Tones | None
    toned: float


def signs(a: Look, b: Look, laid: Laid) -> Floats:
    """Number what differs in b from a, which shows the same the same way round, (signs,)."""
    found = _of_files(a, b)
    found |= _of_tones(laid, b.colour)
    found |= of_places(laid.colour_a, b.colour, laid.seen)
    found |= of_colours(laid.colour_a, b.colour, laid.seen)
    found |= of_blocks(a, b) | _of_detail(a.grey, b.grey)
    return np.array([found.get(name, _NAN) for name in SIGNS], np.float32)


def only_saved(numbers: Floats) -> float:
    """Return the log odds that nothing was done but saving anew or reducing, by the numbers of ``SIGNS``.

    A block that differs by so much more than others as busy was written over: trees that saw few of a kind
    must not be asked.
    """
    odds = float(shipped_resaved().log_odds(numbers[None])[0])
    return min(odds, WRITTEN_OVER) if _stands_out(numbers) else odds


def is_noisier(numbers: Floats, odds: float) -> bool:
    """Say whether what chance moved beneath a JPEG (``Beyond.is_disturbed``) is noise.

    A WebP or AVIF that was saved as a JPEG rounds by steps of its own, which looks like chance too; but it adds
    nothing where nothing is.

    Args:
        numbers: Of ``SIGNS``.
        odds: Log odds for saving alone (``only_saved``).
    """
    noise_a, noise_b = _named(numbers, "noise_a", "noise_b")
    return odds < LIKELY_SAVED or noise_b > NOISIER * noise_a + NOISIER_LEVELS


def is_noise(numbers: Floats, odds: float) -> bool:
    """Say whether a copy got noise: it differs by as much in plain places as in busy ones.

    Saving changes the more the more there is to be seen. Of 990 copies that were saved once or twice, coarsely
    or not, 5 pass for noise; of 55 with noise of 8 levels 47, of 55 with 5 levels 22.

    Args:
        numbers: Of ``SIGNS``.
        odds: Log odds for saving alone (``only_saved``).
    """
    flat, busy, noise_a, noise_b = _named(numbers, "block_flat", "block_busy", "noise_a", "noise_b")
    is_even = flat > NOISE_LEVELS and busy - flat < NOISE_EVEN
    return odds < NOISE_DOUBT and is_even and noise_b > noise_a + NOISE_ADDED


def _stands_out(numbers: Floats) -> bool:
    """Say whether a block differs by more than others do, and than the steps of its JPEG explain."""
    bound, ratio, levels = _named(numbers, "bound_0", "ratio_0", "block_0")
    if bound < BEYOND_STEPS:  # not so where it is unknown: NaN
        return False
    return ratio > STANDS_OUT and levels > STANDS_OUT_LEVELS


def _named(numbers: Floats, *names: str) -> tuple[float, ...]:
    """Return those of the numbers of ``SIGNS`` that have these names."""
    return tuple(float(numbers[SIGNS.index(name)]) for name in names)


@cache
def shipped_resaved() -> Trees:
    """Return the trees that come with dupfind; ``benchmarks/fit_resaved.py`` grows them anew.

    Raises:
        CalibrationError: They were made for other signs, or are damaged.
    """
    text = (resources.files("dupfind.matching") / "resaved.json").read_text(encoding="utf-8")
    values = json.loads(text)
    if values.get("signs") != list(SIGNS):
        raise CalibrationError("the trees of saved copies are of other signs; install dupfind anew")
    return Trees.from_json(values["trees"])


def _of_files(a: Look, b: Look) -> dict[str, float]:
    wide, high = (
        two / one for one, two in zip(a.grey.shape[::-1], b.grey.shape[::-1], strict=True)
    )
    values = {
        "size": float(np.log(wide * high)) / 2,
        "stretched": abs(float(np.log(wide / high))),
        "pixels": float(np.log(b.native_pixels)),
        "comb": b.comb - a.comb,
        "line": b.off_line - a.off_line,
    }
    for name, look in (("a", a), ("b", b)):
        table = look.table
        values |= {
            f"steps_{name}": _NAN if table is None else float(np.log(table.mean())),
            f"blocked_{name}": look.blocked,
            f"bytes_{name}": float(np.log(max(look.bytes_per_pixel, 1e-3))),
            f"lossless_{name}": float(look.lossless),
            f"modern_{name}": float(look.modern),
            f"colours_{name}": float(np.log(look.colours)),
        }
    return values


def _of_tones(laid: Laid, colour_b: Pixels) -> dict[str, float]:
    values = {"toned": laid.toned}
    found, seen = laid.tones, laid.seen
    if found is None:
        return values
    values |= {
        "changed": found.changed,
        "contrast": found.contrast,
        "lost": found.lost_b - found.lost_a,
        "dimmed": found.dimmed_b - found.dimmed_a,
        "uneven": found.uneven,
    }
    one, two = (np.array(cv2.mean(p, seen.astype(np.uint8))[:3]) for p in (laid.colour_a, colour_b))
    values |= dict(zip(("red", "green", "blue"), np.abs(two - one).tolist(), strict=True))
    strong = [_saturation(picture, seen) for picture in (laid.colour_a, colour_b)]
    values["saturation"] = float(np.log((strong[1] + 2) / (strong[0] + 2)))
    return values | _of_soft(laid.colour_a, colour_b, seen)


def _saturation(picture: Pixels, seen: Mask) -> float:
    red, green, blue = cv2.split(picture)
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return float(cv2.subtract(high, low)[seen].mean())


def _of_soft(a: Pixels, b: Pixels, seen: Mask) -> dict[str, float]:
    """Return how far the colours are apart where they are averaged: saving leaves averages alone."""
    weight = cv2.blur(seen.astype(np.float32), (15, 15))[7::8, 7::8] > 0.99
    if weight.sum() < 10:
        return {}
    one, two = (cv2.blur(p.astype(np.float32), (15, 15))[7::8, 7::8][weight] for p in (a, b))
    rest = two - one
    luma = np.abs(rest @ LUMA)
    colour = highest(np.abs(rest - (rest @ LUMA)[:, None]))
    both = np.maximum(luma, colour)
    return {
        "soft_luma": float(np.sqrt((luma**2).mean())),
        "soft_colour": float(np.sqrt((colour**2).mean())),
        "soft_worst": float(both.max() / (np.percentile(both, 75) + 1)),
    }


def _of_detail(grey_a: Pixels, grey_b: Pixels) -> dict[str, float]:
    size = tuple(min(sides) for sides in zip(grey_a.shape[::-1], grey_b.shape[::-1], strict=True))
    one, two = (
        grey if grey.shape[::-1] == size else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        for grey in (grey_a, grey_b)
    )
    one, two = (_middle(np.asarray(grey, np.uint8)) for grey in (one, two))
    x, y = one.astype(np.float32), two.astype(np.float32)
    values = _likeness(x, y) | {"edges": hardest_edges(one, y)}
    found = sharpness(x, y)
    if found is not None:
        names = ("finest", "fine", "middle", "shared", "noise_a", "noise_b", "white_b", "even_b",
                 "flat_a", "flat_b")  # fmt: skip
        values |= {name: float(getattr(found, name)) for name in names}
    return values


def _middle(grey: Pixels) -> Pixels:
    high, wide = grey.shape
    top, left = max(0, high - LONG_PX) // 16 * 8, max(0, wide - LONG_PX) // 16 * 8
    return np.ascontiguousarray(grey[top : top + LONG_PX, left : left + LONG_PX])


def _likeness(a: Floats, b: Floats) -> dict[str, float]:
    """Return how what differs follows from a: as its curvature along and across, or over a wider place."""
    rest = b - a
    rest = rest - float(rest.mean())
    terms = [
        cv2.filter2D(a, cv2.CV_32F, np.array([[-1, 2, -1]], np.float32)),
        cv2.filter2D(a, cv2.CV_32F, np.array([[-1], [2], [-1]], np.float32)),
        a - cv2.GaussianBlur(a, (0, 0), 1.0),
        cv2.GaussianBlur(a, (0, 0), 1.0) - cv2.GaussianBlur(a, (0, 0), 3.0),
    ]
    stacked = np.stack([term.ravel() for term in terms]).astype(np.float64)
    wanted = rest.ravel().astype(np.float64)
    gram = stacked @ stacked.T + np.eye(4) * len(wanted) * 0.2
    fit = np.linalg.solve(gram, stacked @ wanted)
    left = float(((wanted - fit @ stacked) ** 2).mean())
    busy = np.abs(terms[2]) > np.percentile(np.abs(terms[2]), 80)
    signed = rest[busy] * np.sign(terms[2][busy]) if busy.any() else np.zeros(1, np.float32)
    size = float(np.abs(rest[busy]).mean()) if busy.any() else 0.0
    return {
        **dict(zip(("like_x", "like_y", "like_all", "like_wide"), fit.tolist(), strict=True)),
        "like_share": 1 - left / max(float((wanted**2).mean()), 0.05),
        "lighter": float(signed.mean()) / (size + 0.3),
        "bend": float(np.sqrt((wanted**2).mean())),
    }
