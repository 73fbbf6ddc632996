"""Number the traces that tell which of two pictures of a group was made from the other.

In:  a ``Family``. Out: for each ordered pair a row of ``TRACES``. No disk, database or model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.explained import Colours
from dupfind.matching.extent import CORNERS, NOTHING_MORE, extent_of, project
from dupfind.matching.family import BANDS, Family
from dupfind.matching.overlaid import overlaid
from dupfind.matching.quality import Look, carries, off_line
from dupfind.matching.turning import turned

Values = dict[str, float]
Floats = NDArray[np.float32]
_SOME_TILES = 6
_NAN = float("nan")

# Of each of the two by itself.
OWN = (
    "pixels", "blocked", "steps", "comb", "colours", "off_line", "clipped", "reach", "flat",
    "bytes", "lossless", "modern", "camera", "edited", "around", "more",
)  # fmt: skip
# Of b as made from a, and the other way about.
DIRECTED = (
    "unexplained", "outside", "lost", "dimmed", "radial", "aside", "carried",
    *(f"own_{band}" for band in range(3)),
)  # fmt: skip
# Of the pair, from a to b: the sign turns with it.
TURNING = (
    "contrast", "saturation", "brightness", "written", "holds", "framed",
    *(f"fine_{band}" for band in range(BANDS - 1)), "larger",
)  # fmt: skip
# Of the pair either way.
EVEN = ("exact", "mirrored", "quarters", "stretched", "tilted", "changed", "covered_over",
        *(f"shared_{band}" for band in range(BANDS)))  # fmt: skip
TRACES = (
    *(f"{name}_{one}" for name in (*OWN, *DIRECTED) for one in "ab"),
    *TURNING,
    *EVEN,
)


@dataclass(frozen=True)
class Traced:
    """What the pairs of a family show.

    Attributes:
        pairs: (a, b) with a < b, a row of ``TRACES``.
        deviating: (pictures,) share of each that differs from what most of the others show.
        astray: (pictures, 3) how alike what the others have left is, when explained by this one: 0 of the
            one that all were made from.
        differing: (pictures,) median of the mean difference of its colours from the others'.
        pixels: (pictures,) natural logarithm of their pixels in the file.
        overlaid: (pictures,) how much each alone has in one place (``overlaid``).
    """

    pairs: Mapping[tuple[int, int], NDArray[np.float32]]
    deviating: Floats
    astray: Floats
    differing: Floats
    pixels: Floats
    overlaid: Floats


_NONE = np.zeros(0, np.float32)
NOTHING_TRACED = Traced({}, _NONE, np.zeros((0, 3), np.float32), _NONE, _NONE, _NONE)


def reversed_traces(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the traces of (b, a)."""
    return np.asarray(row[_BACK] * _SIGN, np.float32)


def _back() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    place = {name: at for at, name in enumerate(TRACES)}
    other = {"a": "b", "b": "a"}
    back, sign = [], []
    for name in TRACES:
        base, _, one = name.rpartition("_")
        paired = base in (*OWN, *DIRECTED)
        back.append(place[f"{base}_{other[one]}"] if paired else place[name])
        sign.append(-1.0 if name in TURNING else 1.0)
    return np.array(back), np.array(sign, np.float32)


_BACK, _SIGN = _back()


def trace(
    family: Family, holds: Mapping[tuple[int, int], int], framed: Mapping[tuple[int, int], int]
) -> Traced:
    """Number the traces of all pairs.

    Args:
        family: The pictures.
        holds: (a, b) with a < b: 1 where b is known to hold a among other things, -1 the other way.
        framed: The same of frames.
    """
    count = len(family)
    colours = Colours(family)
    own = _own(family)
    pairs: dict[tuple[int, int], NDArray[np.float32]] = {}
    changed = np.zeros((count, *family.shown.shape[1:]), np.float32)
    seen_by = np.zeros_like(changed)
    difference = np.full((count, count), np.nan)
    for a in range(count):
        for b in range(a + 1, count):
            values, masks = colours.compare(a, b)
            both = family.shown[a] & family.shown[b]
            for one, mask in zip((a, b), masks, strict=True):
                changed[one] += mask
                seen_by[one] += both
            difference[a, b] = difference[b, a] = values.pop("difference")
            values |= _geometry(family, a, b) | _detail(family, a, b) | _saving(family, a, b)
            values["holds"] = float(holds.get((a, b), 0))
            values["framed"] = float(framed.get((a, b), 0))
            for name in OWN:
                values[f"{name}_a"], values[f"{name}_b"] = own[a][name], own[b][name]
            pairs[a, b] = np.array([values.get(name, _NAN) for name in TRACES], np.float32)
    differing = _median(difference)
    return Traced(
        pairs,
        _deviating(changed, seen_by, family.shown),
        _astray(family),
        differing,
        np.log([look.native_pixels for look in family.looks]).astype(np.float32),
        overlaid(family, int(np.nan_to_num(differing, nan=np.inf).argmin())),
    )


def _median(difference: NDArray[np.float64]) -> Floats:
    known = np.isfinite(difference).any(axis=1)
    result = np.full(len(difference), np.nan, np.float32)
    if known.any():
        result[known] = np.nanmedian(difference[known], axis=1)
    return result


def _deviating(changed: Floats, seen_by: Floats, shown: NDArray[np.bool_]) -> Floats:
    most = changed > 0.5 * np.maximum(seen_by, 1)
    kernel = np.ones((2, 2), np.uint8)
    opened = np.stack(
        [cv2.morphologyEx(one.astype(np.uint8), cv2.MORPH_OPEN, kernel) for one in most]
    )
    return np.asarray(opened.sum(axis=(1, 2)) / np.maximum(1, shown.sum(axis=(1, 2))), np.float32)


def _own(family: Family) -> list[Values]:
    found = []
    for at, look in enumerate(family.looks):
        around, more = _beyond(family, at)
        found.append(
            {
                "pixels": float(np.log(look.native_pixels)),
                "blocked": look.blocked,
                "steps": _NAN if look.table is None else float(np.log(look.table.mean())),
                "comb": look.comb,
                "colours": float(np.log(look.colours)),
                "off_line": off_line(family.colours[at]),
                "clipped": look.clipped,
                "reach": look.reach,
                "flat": float(family.flat[at]),
                "bytes": float(np.log(max(look.bytes_per_pixel, 1e-3))),
                "lossless": float(look.lossless),
                "modern": float(look.modern),
                "camera": float(look.camera),
                "edited": float(look.edited),
                "around": around,
                "more": more,
            }
        )
    return found


def _beyond(family: Family, at: int) -> tuple[float, float]:
    """Return how surely a picture shows something around the frame's picture, and more of the same."""
    if family.turns[at] is not None:
        return 0.0, 0.0
    frame = family.looks[family.frame].colour
    into = np.asarray(np.linalg.inv(family.to_frame[at]), np.float64)
    found = extent_of(frame, family.looks[at].colour, into)
    return found.around_b, found.more_b


def _geometry(family: Family, a: int, b: int) -> Values:
    turn = family.turn(a, b)
    look_a, look_b = family.looks[a], family.looks[b]
    values: Values = {"exact": float(turn is not None)}
    matrix = family.between(a, b) if turn is None else turn
    linear = (
        np.diag([look_b.width, look_b.height])
        @ matrix[:2, :2]
        @ np.diag([1 / look_a.width, 1 / look_a.height])
    )
    values["mirrored"] = float(np.linalg.det(linear) < 0)
    upright = linear @ np.diag([-1.0, 1.0]) if values["mirrored"] else linear
    degrees = float(np.degrees(np.arctan2(upright[1, 0], upright[0, 0])))
    values["quarters"] = float(abs(round(degrees / 90)) % 4)
    values["tilted"] = abs((degrees + 45) % 90 - 45)
    sizes = np.linalg.svd(linear, compute_uv=False)
    values["stretched"] = float(np.log(max(sizes[0], 1e-6) / max(sizes[1], 1e-6)))
    values["larger"] = float(np.log(max(sizes[0] * sizes[1], 1e-9)))
    inside = [1.0, 1.0]
    if turn is None:
        inside = [
            _inside(project(np.asarray(np.linalg.inv(matrix), np.float64), CORNERS)),
            _inside(project(matrix, CORNERS)),
        ]
    values["outside_a"], values["outside_b"] = (
        0.0 if 1 - part < NOTHING_MORE else 1 - part for part in inside
    )
    return values


def _inside(quad: NDArray[np.float64]) -> float:
    hull = cv2.convexHull(np.clip(quad, -1e3, 1e3).astype(np.float32))
    area, _ = cv2.intersectConvexConvex(hull, CORNERS.astype(np.float32))
    return float(area)


def _detail(family: Family, a: int, b: int) -> Values:
    """Return how the fine structure of two pictures compares, over tiles that show the same."""
    both = family.tiles[:, a] & family.tiles[:, b]
    products = family.products[:, both]
    if products.shape[1] < _SOME_TILES:
        return {}
    one, two, common = products[..., a, a], products[..., b, b], products[..., a, b]
    alike = common / np.sqrt(one * two + 0.3)
    same = common[3] / np.sqrt(one[3] * two[3] + 1) > 0.8
    if same.sum() < _SOME_TILES:
        return {f"shared_{band}": float(np.median(alike[band])) for band in range(BANDS)}
    one, two, common, alike = (values[:, same] for values in (one, two, common, alike))
    activity = one[3] + two[3]
    busy = activity >= np.median(activity)
    calm = activity <= np.percentile(activity, 35)
    strong = np.log((two[:, busy] + 0.3) / (one[:, busy] + 0.3)) / 2
    ratios = np.median(strong, axis=1)
    shared = np.median(alike[:, busy], axis=1)
    values: Values = {f"shared_{band}": float(shared[band]) for band in range(BANDS)}
    values |= {f"fine_{band}": float(ratios[band] - ratios[3]) for band in range(BANDS - 1)}
    one, two, common = one[:3, calm], two[:3, calm], common[:3, calm]
    for name, mine, other in (("a", one, two), ("b", two, one)):
        rest = np.median(np.maximum(mine - common**2 / (other + 0.3), 0), axis=1)
        values |= {f"own_{band}_{name}": float(np.log(rest[band] + 0.05)) / 2 for band in range(3)}
    return values


def _saving(family: Family, a: int, b: int) -> Values:
    """Return how well each carries the steps that the other was saved with."""
    turn = family.turn(a, b)
    if turn is None:
        return {}
    laid = turned(family.looks[a].grey, turn)
    if laid.shape != family.looks[b].grey.shape:
        return {}
    back = np.asarray(np.linalg.inv(turn), np.float64)
    values: Values = {}
    for name, source, other in (("b", a, b), ("a", b, a)):
        table = family.looks[source].table
        if table is None or not _finer(family.looks[other], family.looks[source]):
            continue
        grey = laid if name == "a" else turned(family.looks[b].grey, back)
        off = carries(grey, table)
        values[f"carried_{name}"] = _NAN if off is None else off
    return values


def _finer(look: Look, than: Look) -> bool:
    if look.table is None:
        return True
    return than.table is not None and float(than.table.mean()) > 1.2 * float(look.table.mean())


def _astray(family: Family) -> Floats:
    """Return for each picture and band how alike the others' rests are, explained by it (median)."""
    count = len(family)
    result = np.full((count, 3), np.nan, np.float32)
    if count < 3:
        return result
    exact = [row for row, turn in enumerate(family.turns) if turn is not None]
    for band in range(3):
        for row in range(count):
            others = [other for other in exact if other != row]
            if len(others) < 2:
                continue
            result[row, band] = _rest_alike(family, band, row, others)
    return result


def _rest_alike(family: Family, band: int, row: int, others: list[int]) -> float:
    tiles = family.tiles[:, row]
    products = family.products[band][tiles]
    if len(products) < _SOME_TILES:
        return _NAN
    own = products[:, row, row] + 0.05
    toward = products[:, others, row]
    rest = (
        products[:, others][:, :, others]
        - toward[:, :, None] * toward[:, None] / own[:, None, None]
    )
    total = np.median(rest, axis=0)
    energy = np.sqrt(np.maximum(np.diag(total), 0.02))
    alike = total / (energy[:, None] * energy[None])
    off = ~np.eye(len(others), dtype=bool)
    return float(np.median(np.clip(alike[off], -1, 1)))
