"""Bring a library up to date with the photos on disk.

First the scan: every file is compared with what the library knows by path, size and time, and
what is new or changed is noted. Then the reading (``flows.reading``): known contents (moved,
touched, copied files) are written without decoding, the others are decoded and described. Each
batch is committed as a whole, so a run that is killed goes on from the last one.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dupfind.errors import LibraryError
from dupfind.flows.indexing_state import IndexRun, IndexSummary
from dupfind.flows.known import as_known, names_of
from dupfind.flows.models import identify_model, model_to_index, open_model, take_over
from dupfind.flows.reading import Reading, is_same
from dupfind.options import EngineKind, IndexOptions
from dupfind.photos.scan import ScanOptions, scan
from dupfind.progress import OnProgress, Step
from dupfind.records import FileError, ScannedFile
from dupfind.reports.words import count, safe_name
from dupfind.store.photos import Batch, ErrorEntry, KnownFile
from dupfind.store.store import Store

if TYPE_CHECKING:
    from dupfind.descriptors.embed import Embedder

__all__ = ["IndexSummary", "index_photos"]

_CHUNK = 500
log = logging.getLogger(__name__)
_Value = TypeVar("_Value")


def index_photos(
    store: Store,
    folders: Sequence[Path],
    options: IndexOptions | None = None,
    on_progress: OnProgress | None = None,
) -> IndexSummary:
    """Index the photos of folders into an open library.

    Args:
        store: Opened with ``write=True``.
        folders: Folders or single files; photos that are no longer in them leave the results.
        options: See ``IndexOptions``.
        on_progress: Called often, from this thread.

    Raises:
        LibraryError: A folder does not exist, or the library cannot be written.
        ModelError: The model cannot be loaded.
        EngineError: Some shards could not be described; the others are kept.
    """
    options = options or IndexOptions()
    roots = [_existing(folder) for folder in (*folders, *options.reference)]
    run = _begin(store, options, on_progress)
    what = {**asdict(options), "folders": [str(root) for root in roots]}
    if store.active_model() is None:
        # Another model takes over at the end; the first one serves from its first batch.
        store.set_active_model(run.model_id)
    with store.run("index", what, model_id=run.model_id) as recorded:
        try:
            _compare(run, roots)
            _read(run)
            _settle_unseen(run, roots)
            store.refresh_verdicts()
            run.summary.came_back = len(store.came_back(since=store.started_at(recorded.id)))
            run.summary.undescribed = take_over(store, run.model_id, run.summary.model)
            run.summary.photos = store.count_photos()
            run.summary.seconds = round(time.monotonic() - run.started, 3)
        finally:
            recorded.summary = asdict(run.summary)
    return run.summary


def _begin(store: Store, options: IndexOptions, on_progress: OnProgress | None) -> IndexRun:
    started = time.monotonic()
    model = identify_model(model_to_index(store, options.model), store.paths)
    stored = store.add_model(
        model.name, model.fingerprint, spec=asdict(model.spec), dimensions=model.dimensions
    )
    if options.device not in ("auto", "cpu"):
        from dupfind.descriptors.embed import choose_device

        choose_device(options.device)  # a wrong one is an error even when there is nothing to do
    return IndexRun(
        store,
        options,
        lambda: _embedder(store, model.name, options),
        stored.id,
        on_progress or _say_nothing,
        reference=tuple(
            name for folder in options.reference for name in names_of(store, _existing(folder))
        ),
        summary=IndexSummary(model=model.name),
        started=started,
    )


def _read(run: IndexRun) -> None:
    if run.options.engine is EngineKind.LOCAL and run.options.shards is None:
        Reading(run).go()
        return
    from dupfind.flows.sharding import read_in_shards

    read_in_shards(run)


def _embedder(store: Store, name: str, options: IndexOptions) -> "Embedder":
    from dupfind.descriptors.embed import Embedder

    model = open_model(name, store.paths)
    embedder = Embedder(model, device=options.device, batch_size=options.batch_size)
    log.info("model %s (%s...) on %s", model.name, model.fingerprint[:12], embedder.device)
    return embedder


def _say_nothing(step: Step) -> None:
    pass


def _existing(folder: Path) -> Path:
    path = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        raise LibraryError(f"there is no folder {path}; check its name")
    return path


def _compare(run: IndexRun, roots: Sequence[Path]) -> None:
    run.store.start_sightings()
    met = 0
    for chunk in _chunks(scan(roots, ScanOptions(exclude=run.options.exclude)), _CHUNK):
        _note_errors(run, [found for found in chunk if isinstance(found, FileError)])
        _compare_files(run, [found for found in chunk if isinstance(found, ScannedFile)])
        met += len(chunk)
        run.report("scan", met, None)


def _settle_unseen(run: IndexRun, roots: Sequence[Path]) -> None:
    """Take out of the library what is no longer there; a folder that is all empty is only away.

    An empty mount point looks as if all photos had been deleted at once.
    """
    away: list[Path] = []
    below = [name for root in roots for name in names_of(run.store, root)]
    for root in () if run.options.forget else roots:
        names = names_of(run.store, root)
        if run.store.is_emptied(names) and not _any_exists(run.store.unseen_paths(names)):
            away.extend(names)
            run.summary.away_folders += (str(root),)
    run.summary.away = run.store.keep_away(away, unreadable=run.unreadable)
    run.summary.removed = run.store.remove_unseen(below, unreadable=run.unreadable, away=away)
    if run.summary.away:
        log.warning(
            "everything below %s is gone (%s): is a disk or share not there? It is kept as away "
            "until it is seen again; if you deleted it, say so with --forget",
            " and ".join(safe_name(folder) for folder in run.summary.away_folders),
            count(run.summary.away, "photo"),
        )


def _any_exists(paths: Iterable[Path]) -> bool:
    """Tell whether one of the photos is there after all: left out by the user, not gone."""
    return any(os.path.lexists(path) for path in paths)


def _note_errors(run: IndexRun, found: Sequence[FileError]) -> None:
    if found:
        # Whether it was a folder cannot always be told: what lies below was not looked for.
        run.unreadable.extend(error.path for error in found)
        run.summary.errors += len(found)
        entries = [ErrorEntry(error.path, error.reason) for error in found]
        run.store.add_batch(Batch(errors=entries))
        run.store.add_sightings(error.path for error in found)


def _compare_files(run: IndexRun, scanned: Sequence[ScannedFile]) -> None:
    files = as_known(run.store, scanned)
    known = run.store.known_files([file.path for file in files])
    contents = (entry.sha256 for entry in known.values() if entry.sha256)
    described = run.store.contents_with_vector(contents, run.model_id)
    settled: list[ScannedFile] = []
    todo: list[ScannedFile] = []
    for file in files:
        entry = known.get(file.path)
        if entry is None or entry.is_missing or not is_same(file, entry):
            todo.append(file)
        elif entry.reason:
            run.summary.errors += 1
            settled.append(file)
        elif entry.sha256 in described and entry.frames:
            run.summary.unchanged += 1
            run.summary.found += 1
            settled.append(file)
        else:
            todo.append(file)
    run.store.add_sightings(file.path for file in settled)
    run.store.note_files(file for file in settled if _is_news(file, known[file.path]))
    run.store.add_todo(todo)
    _mark_references(run, known)


def _is_news(file: ScannedFile, known: KnownFile) -> bool:
    """Tell whether the system numbers a photo's file in another way than when it was read."""
    now = (file.ctime_ns, file.device, file.inode)
    return known.photo_id is not None and now != (known.ctime_ns, known.device, known.inode)


def _mark_references(run: IndexRun, known: Mapping[Path, KnownFile]) -> None:
    changed = [
        (entry.photo_id, not entry.is_reference)
        for path, entry in known.items()
        if entry.photo_id is not None and entry.is_reference != run.is_reference(path)
    ]
    for flag in (True, False):
        run.store.set_reference((photo_id for photo_id, new in changed if new == flag), flag)


def _chunks(values: Iterable[_Value], size: int) -> Iterator[list[_Value]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
