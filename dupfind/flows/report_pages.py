"""Write the HTML report: one page, or several where one would be too large."""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from dupfind.flows.thumbnails import CACHE_FILE, make_thumbnails, side_for
from dupfind.progress import OnProgress, stage
from dupfind.records import Photo
from dupfind.reports.html import picture_bytes, pictured_photos, write_html
from dupfind.reports.output import STANDARD_OUTPUT, text_output
from dupfind.reports.pages import (
    LINKS_BYTES,
    PAGE_BYTES,
    PageContent,
    page_files,
    page_links,
    remove_old_pages,
    split_pages,
)
from dupfind.reports.reported import Report
from dupfind.store.cache import BlobCache
from dupfind.store.store import Store

MANY_PICTURES = 60  # on several pages they are smaller, so that these are fewer
SIDE_PX = 320


def write_html_report(
    store: Store,
    report: Report,
    target: Path | None,
    *,
    pictures: int,
    one_page: bool,
    on_progress: OnProgress | None,
) -> None:
    """Write a report as HTML.

    Args:
        store: Its cache holds the pictures.
        report: What to show.
        target: The file of the first page; None or ``-`` for standard output, which gets one page.
        pictures: The most photos to show as pictures.
        one_page: Whether to write a single page however large.
        on_progress: Called while the pictures are made; the phase is ``pictures``.

    Raises:
        ReportError: A file cannot be written, or is in the way.
    """
    pictured = pictured_photos(report, pictures)
    with BlobCache(store.paths.cache / CACHE_FILE) as cache:
        if target is None or str(target) == STANDARD_OUTPUT or one_page:
            with text_output(target) as stream:
                _write_one(report, stream, pictured, cache, on_progress)
        else:
            _write_several(report, target, pictured, cache, on_progress)


def _write_one(
    report: Report,
    stream: TextIO,
    pictured: list[Photo],
    cache: BlobCache,
    on_progress: OnProgress | None,
) -> None:
    side_px = side_for(len(pictured))
    made = make_thumbnails(pictured, cache, side_px=side_px, on_done=stage(on_progress, "pictures"))
    write_html(report, stream, pictured, made)


def _write_several(
    report: Report,
    target: Path,
    pictured: list[Photo],
    cache: BlobCache,
    on_progress: OnProgress | None,
) -> None:
    side_px = side_for(len(pictured)) if len(pictured) <= MANY_PICTURES else SIDE_PX
    made = make_thumbnails(pictured, cache, side_px=side_px, on_done=stage(on_progress, "pictures"))
    sizes = {
        photo.sha256: picture_bytes(picture)
        for photo, picture in zip(pictured, made, strict=True)
        if picture
    }
    pages = split_pages(report, sizes, room_bytes=PAGE_BYTES - _frame_bytes(report))
    files = page_files(target, len(pages))
    # The first page last: whoever opens it finds all the others.
    for number in range(len(pages), 0, -1):
        with text_output(files[number - 1]) as stream:
            _write_page(report, stream, pages, files, number, cache, side_px)
    with suppress(OSError):
        remove_old_pages(target, len(pages))


def _write_page(
    report: Report,
    stream: TextIO,
    pages: Sequence[PageContent],
    files: Sequence[Path],
    number: int,
    cache: BlobCache,
    side_px: int,
) -> None:
    page = pages[number - 1]
    shown = replace(report, groups=page.groups, errors=report.errors if number == 1 else ())
    thumbnails = make_thumbnails(page.pictured, cache, side_px=side_px)
    write_html(
        shown,
        stream,
        page.pictured,
        thumbnails,
        links=page_links(files, number),
        number=number,
        pages=len(files),
        whole=report,
    )


def _frame_bytes(report: Report) -> int:
    """Return how many bytes a page has besides groups and pictures."""
    stream = io.StringIO()
    write_html(replace(report, groups=()), stream, (), ())
    return len(stream.getvalue().encode("utf-8", "surrogateescape")) + LINKS_BYTES
