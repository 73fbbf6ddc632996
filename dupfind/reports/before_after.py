"""The page that `dupfind train` ends with: what only the new model finds, and what only the one before."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.reports.html import render_page
from dupfind.reports.words import relation_name

Pixels = NDArray[np.uint8]
MAP_PX = 420
DOT_PX = 4.0


@dataclass(frozen=True)
class KindRow:
    """How many of the copies of one kind each model found first; ``relation`` is the kind's."""

    kind: str
    relation: str
    copies: int
    before: int
    after: int


@dataclass(frozen=True)
class Example:
    """A copy that one model finds and the other takes for a copy of ``mistaken``."""

    kind: str
    copy: Pixels
    original: Pixels
    mistaken: Pixels


@dataclass(frozen=True)
class Attended:
    """A photo, and over it what each model looks at."""

    photo: Pixels
    before: Pixels
    after: Pixels


@dataclass(frozen=True)
class BeforeAfter:
    """All that the page shows. Figures are (recall@1, recall@10, micro AP); places are in [-1, 1]."""

    name: str
    compared_with: str
    figures_before: tuple[float, float, float]
    figures_after: tuple[float, float, float]
    gain: float
    least_gain: float
    photos: int
    kinds: list[KindRow]
    found: list[Example]
    lost: list[Example]
    attended: list[Attended]
    colours: NDArray[np.uint8]
    places_before: NDArray[np.float32]
    places_after: NDArray[np.float32]


def by_relation(kinds: Sequence[KindRow]) -> list[KindRow]:
    """Sum the kinds of each relation: one row each, named for a person."""
    rows: dict[str, KindRow] = {}
    for row in kinds:
        name = relation_name(row.relation)
        sofar = rows.get(row.relation, KindRow(name, row.relation, 0, 0, 0))
        rows[row.relation] = KindRow(
            name,
            row.relation,
            sofar.copies + row.copies,
            sofar.before + row.before,
            sofar.after + row.after,
        )
    return sorted(rows.values(), key=lambda row: row.kind)


def write_before_after(contents: BeforeAfter, stream: TextIO) -> None:
    """Write the page; it is complete in itself and loads nothing from elsewhere."""
    page = render_page(
        "before_after.html",
        script=(),
        style=("page.css", "before_after.css"),
        contents=contents,
        relations=by_relation(contents.kinds),
        examples=[
            ("Found only now", "taken for this before", _shown(contents.found)),
            ("Found before, lost now", "taken for this now", _shown(contents.lost)),
        ],
        attended=[
            [_address(picture) for picture in (one.photo, one.before, one.after)]
            for one in contents.attended
        ],
        maps=[
            (contents.compared_with, _dots(contents.places_before, contents.colours)),
            (contents.name, _dots(contents.places_after, contents.colours)),
        ],
        map_px=MAP_PX,
        dot_px=DOT_PX,
    )
    stream.writelines(page)


def aligned(places: NDArray[np.float32], onto: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn or mirror a map so that it lies as well as it can on another of the same photos.

    Source: the orthogonal Procrustes problem (Schoenemann 1966).
    """
    left, _, right = np.linalg.svd(places.T @ onto)
    turned: NDArray[np.float32] = (places @ (left @ right)).astype(np.float32)
    return turned


def _shown(examples: Sequence[Example]) -> list[dict[str, str]]:
    return [
        {
            "kind": example.kind.replace("_", " "),
            "altered": _address(example.copy),
            "original": _address(example.original),
            "mistaken": _address(example.mistaken),
        }
        for example in examples
    ]


def _dots(
    places: NDArray[np.float32], colours: NDArray[np.uint8]
) -> list[tuple[float, float, str]]:
    """Return (x, y, colour) of each photo in the map's pixels."""
    reach = max(1e-6, float(np.abs(places).max(initial=0.0)))
    scaled = (places / reach * 0.97 + 1) / 2 * MAP_PX
    return [
        (round(x, 1), round(y, 1), "#" + bytes(colour).hex())
        for (x, y), colour in zip(scaled.tolist(), colours.tolist(), strict=True)
    ]


def _address(pixels: Pixels) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def page_path(run_folder: Path) -> Path:
    """Return where a run's page lies."""
    return run_folder / "before_after.html"
