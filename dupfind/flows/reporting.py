"""Gather from the library what a report shows, and write it in the format asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from dupfind.decisions import GroupState
from dupfind.errors import LibraryError
from dupfind.flows.thumbnails import CACHE_FILE, make_thumbnails, side_for
from dupfind.options import ReportFormat, ReportOptions
from dupfind.progress import OnProgress, stage
from dupfind.records import Level
from dupfind.reports.html import pictured_photos, write_html
from dupfind.reports.output import text_output
from dupfind.reports.reported import PairLine, Report
from dupfind.reports.structured import write_csv, write_json, write_pairs
from dupfind.reports.terminal import make_console, print_report
from dupfind.store.cache import BlobCache
from dupfind.store.runs import Run
from dupfind.store.store import Store


def write_report(
    store: Store,
    target: Path | None,
    options: ReportOptions | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Write a report of what the last ``cluster`` found.

    Args:
        store: The library.
        target: The file to write; None or ``-`` for standard output.
        options: The format, and how much of it.
        on_progress: Called while the pictures of a page are made; the phase is ``pictures``.

    Raises:
        LibraryError: ``cluster`` has not been run.
        ReportError: The file cannot be written.
    """
    with text_output(target) as stream:
        _write(store, stream, options or ReportOptions(), on_progress)


def _write(
    store: Store, stream: TextIO, options: ReportOptions, on_progress: OnProgress | None
) -> None:
    match options.format:
        case ReportFormat.PAIRS:
            write_pairs(pair_lines(store), stream)
        case ReportFormat.JSON:
            write_json(gather_report(store, settled=options.settled), stream)
        case ReportFormat.CSV:
            write_csv(gather_report(store, settled=options.settled), stream)
        case ReportFormat.HTML:
            _write_page(store, stream, options, on_progress)
        case ReportFormat.TERMINAL:
            report = gather_report(store, settled=options.settled)
            print_report(report, make_console(stream), limit=options.limit)


def gather_report(store: Store, *, settled: bool = False) -> Report:
    """Return the groups of the last ``cluster`` with their photos, and the files that failed.

    Groups of which a person keeps all are left out and only counted, unless ``settled``.

    Raises:
        LibraryError: ``cluster`` has not been run.
    """
    run = _clustering(store)
    found = list(store.groups())
    groups = [group for group in found if settled or group.state is not GroupState.SETTLED]
    wanted = {member.photo_id for group in groups for member in group.members}
    wanted |= {photo_id for group in groups for photo_id in group.also_in}
    names = {model.id: model.name for model in store.models()}
    return Report(
        library=store.paths.root,
        model=names.get(run.model_id or 0, ""),
        level=str(run.options.get("level", Level.COPY)),
        precision=float(run.options.get("precision") or 0.0),
        groups=groups,
        photos=store.photos_by_id(wanted),
        errors=list(store.errors()),
        photos_total=store.count_photos(),
        found_at=run.finished_at or run.started_at,
        settled_total=len(found) - len(groups),
        came_back=store.came_back(),
    )


def pair_lines(store: Store) -> Iterator[PairLine]:
    """Return each scored pair with its paths, the most probable first, one at a time.

    Raises:
        LibraryError: ``cluster`` has not been run.
    """
    _clustering(store)
    # Memory grows with the photos, not with the pairs.
    paths: dict[int, Path] = {photo.id: photo.path for photo in store.photos()}
    return (
        PairLine(
            paths[pair.photo_a],
            paths[pair.photo_b],
            pair.similarity,
            pair.probability,
            str(pair.relation),
        )
        for pair in store.pairs()
        if pair.photo_a in paths and pair.photo_b in paths  # an index run may go on beside this
    )


def _write_page(
    store: Store, stream: TextIO, options: ReportOptions, on_progress: OnProgress | None
) -> None:
    report = gather_report(store, settled=options.settled)
    pictured = pictured_photos(report, options.pictures)
    with BlobCache(store.paths.cache / CACHE_FILE) as cache:
        thumbnails = make_thumbnails(
            pictured,
            cache,
            side_px=side_for(len(pictured)),
            on_done=stage(on_progress, "pictures"),
        )
        write_html(report, stream, pictured, thumbnails)


def _clustering(store: Store) -> Run:
    run = store.latest_run("cluster")
    if run is None:
        raise LibraryError("no groups have been looked for yet; run `dupfind cluster` first")
    return run
