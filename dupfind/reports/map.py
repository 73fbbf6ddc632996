"""The page of ``dupfind map``: every photo at its place in the plane, in one HTML file."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from markupsafe import Markup
from PIL import Image

from dupfind.records import Photo
from dupfind.reports.html import data_uri, inline_json, render_page
from dupfind.reports.words import readable_bytes, readable_date, safe_name

ATLAS_PX = 2048
_QUALITY = 74


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A photo at (x, y) in [-1, 1]. ``group``: the number of its group, 0 for none.

    ``same_bytes`` counts the other photos with the same bytes, which lie at the same place.
    """

    photo: Photo
    x: float
    y: float
    group: int = 0
    same_bytes: int = 0


@dataclass(frozen=True)
class MapContents:
    """What the page shows. ``contents_total`` counts all photos of different bytes; fewer points
    than that are a sample."""

    library: Path
    model: str
    points: Sequence[MapPoint]
    contents_total: int
    photos_total: int


def cell_for(count: int) -> int:
    """Return the side in pixels of a thumbnail on a map of ``count`` photos."""
    return 128 if count <= 1000 else 64 if count <= 6000 else 48


def write_map(contents: MapContents, stream: TextIO, thumbnails: Iterable[bytes | None]) -> None:
    """Write the page.

    Args:
        contents: The points.
        stream: Text stream, UTF-8.
        thumbnails: A picture file for each point, in its order; None where there is none. They are
            put together into a few large pictures, one of which is in memory at a time.
    """
    cell_px = cell_for(len(contents.points))
    sizes = [_fitted(point.photo, cell_px) for point in contents.points]
    groups = {point.group for point in contents.points if point.group}
    page = render_page(
        "map.html",
        script=("map.js",),
        style=("page.css", "map.css"),
        contents=contents,
        groups_total=len(groups),
        points=[
            _point_data(point, size) for point, size in zip(contents.points, sizes, strict=True)
        ],
        settings=inline_json({"cell": cell_px, "across": ATLAS_PX // cell_px}),
        atlases=_atlases(zip(thumbnails, sizes, strict=True), cell_px),
    )
    stream.writelines(page)


def _point_data(point: MapPoint, size: tuple[int, int]) -> Markup:
    photo = point.photo
    facts = [
        f"{photo.width} × {photo.height}",
        safe_name(photo.format),
        readable_bytes(photo.size_bytes),
        readable_date(photo.taken_at),
    ]
    return inline_json(
        {
            "x": round(point.x, 4),
            "y": round(point.y, 4),
            "group": point.group,
            "same": point.same_bytes,
            "width": size[0],
            "height": size[1],
            "name": safe_name(photo.path.name),
            "folder": safe_name(os.fspath(photo.path.parent)),
            "facts": " · ".join(fact for fact in facts if fact),
        }
    )


def _fitted(photo: Photo, cell_px: int) -> tuple[int, int]:
    scale = cell_px / max(photo.width, photo.height, 1)
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))


def _atlases(
    pictures: Iterator[tuple[bytes | None, tuple[int, int]]], cell_px: int
) -> Iterator[Markup]:
    """Yield large pictures of cells, row by row, as JSON strings; "" for one without any picture."""
    across = ATLAS_PX // cell_px
    while block := list(islice(pictures, across * across)):
        rows = -(-len(block) // across)
        atlas = Image.new(
            "RGB", (min(len(block), across) * cell_px, rows * cell_px), (128, 128, 128)
        )
        for slot, (data, size) in enumerate(block):
            if data is not None:
                row, column = divmod(slot, across)
                with Image.open(io.BytesIO(data)) as image:
                    atlas.paste(
                        image.convert("RGB").resize(size), (column * cell_px, row * cell_px)
                    )
        stream = io.BytesIO()
        atlas.save(stream, "WEBP", quality=_QUALITY, method=2)
        yield inline_json(data_uri(stream.getvalue()))
