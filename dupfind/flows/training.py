"""Train a model on the user's own photos, compare it with what it started from, keep the better."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.backbone import BUILTIN_FOLDER, UNTRAINED, Model, load_folder, load_model
from dupfind.errors import PhotoError, TrainingError
from dupfind.flows.models import open_model
from dupfind.photos.scan import ScanOptions, scan
from dupfind.photos.sniff import classify
from dupfind.progress import OnDone
from dupfind.records import ScannedFile
from dupfind.store.store import Store
from dupfind.system import write_whole, written_whole
from dupfind.training.comparison import Comparison, compare
from dupfind.training.distributed import pick_device, rank
from dupfind.training.loop import Listener, Progress
from dupfind.training.monitor import EpochMetrics
from dupfind.training.overrides import as_changes
from dupfind.training.run import RunOptions, RunResult, train

__all__ = [
    "EpochMetrics",
    "Progress",
    "TrainCallbacks",
    "TrainOptions",
    "TrainSummary",
    "train_model",
]

SCRATCH = "scratch"
RUNS_FOLDER = "training"


@dataclass(frozen=True)
class TrainOptions:
    """How to train. ``init`` is builtin, scratch, a model of the library, a timm name or a folder.

    ``name`` is the new model's (None: ``mine``). ``minutes`` is a budget that all schedules fit
    themselves to, instead of ``epochs``; None takes what suits the size of the collection.
    ``changes`` are further options by name, like ``views.local_count=6``.
    """

    init: str = DEFAULT_MODEL
    name: str | None = None
    minutes: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    resume: bool = False
    device: str = "auto"
    threads: int | None = None
    exclude: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainSummary:
    """What came of a training run; ``active`` is the name of the model that the library uses now.

    ``before`` and ``after`` hold recall_at_1, recall_at_10 and micro_ap on held-out photos and
    altered copies of them, ``compared_with`` is the model before.
    """

    name: str
    folder: Path
    photos: int
    errors: int
    seconds: float
    compared_with: str
    before: dict[str, float]
    after: dict[str, float]
    is_better: bool
    active: str


@dataclass(frozen=True)
class TrainCallbacks:
    """What a caller wants to hear of: photos decoded (done, total), steps, looks of the monitor."""

    on_decoded: OnDone | None = None
    on_step: Callable[[Progress], None] | None = None
    on_metrics: Callable[[EpochMetrics], None] | None = None


def train_model(
    paths: LibraryPaths,
    folders: Sequence[Path],
    options: TrainOptions,
    callbacks: TrainCallbacks | None = None,
) -> TrainSummary | None:
    """Train on the photos of folders; None in all but the first of torchrun's processes.

    Raises:
        TrainingError: There are too few photos, the name is taken, or nothing can be resumed.
        CollapseError: The features collapsed; the last good checkpoint stays.
        ModelError: The model to start from cannot be loaded.
        LibraryLockedError: Another process is writing to the library.
    """
    started = time.monotonic()
    # Of torchrun's processes only the first one speaks.
    calls = callbacks if callbacks is not None and rank() == 0 else TrainCallbacks()
    name = options.name or "mine"
    run_folder = paths.models / name / RUNS_FOLDER
    _check(name, run_folder, options)
    start = None if options.init == SCRATCH else open_model(options.init, paths)
    run_options = _run_options(paths, run_folder, start, options)
    with ExitStack() as resources:
        store = resources.enter_context(Store.open(paths, write=True)) if rank() == 0 else None
        log = _RunLog(store, options, folders)
        images = _images(folders, options)
        listener = Listener(calls.on_step, _both(log.add, calls.on_metrics))
        try:
            result = train(images, run_options, listener=listener, on_decoded=calls.on_decoded)
            if store is None:
                return None
            summary = _finish(store, name, result, start, options, started)
        except BaseException as error:
            log.finish({"error": str(error)}, "failed")
            raise
        log.finish(_as_json(summary), "done")
        return summary


class _RunLog:
    """The run's rows in the database; does nothing in torchrun's other processes."""

    def __init__(self, store: Store | None, options: TrainOptions, folders: Sequence[Path]) -> None:
        self.store = store
        what = {**asdict(options), "folders": [str(folder) for folder in folders]}
        self.run_id = store.start_run("train", what) if store else 0

    def add(self, metrics: EpochMetrics) -> None:
        if self.store is not None:
            known = {key: value for key, value in metrics.as_json().items() if value is not None}
            self.store.add_metrics(self.run_id, metrics.step, known)

    def finish(self, summary: dict[str, Any], status: str) -> None:
        if self.store is not None:
            self.store.finish_run(self.run_id, summary, status=status)


def _check(name: str, run_folder: Path, options: TrainOptions) -> None:
    if Path(name).name != name or name in (DEFAULT_MODEL, UNTRAINED, SCRATCH, ".", ".."):
        raise TrainingError(f"'{name}' cannot be a model's name; choose another with --name")
    exists = any(run_folder.glob("step-*"))
    if options.resume and not exists:
        raise TrainingError(f"there is no run of '{name}' to resume; train without --resume")
    if exists and not options.resume and rank() == 0:
        # A finished or abandoned run of the same name: its model stays until the new one is done.
        shutil.rmtree(run_folder)


def _run_options(
    paths: LibraryPaths, run_folder: Path, start: Model | None, options: TrainOptions
) -> RunOptions:
    short = {key: getattr(options, key) for key in ("minutes", "epochs", "batch_size", "seed")}
    return RunOptions(
        folder=run_folder,
        cache_folder=paths.cache,
        start=start,
        resume=options.resume,
        changes=(*as_changes(short), *options.changes),
        device=pick_device(options.device),
        threads=options.threads,
    )


def _images(folders: Sequence[Path], options: TrainOptions) -> list[Path]:
    """Return the files that are or claim to be photos; the cache reports those it cannot read."""
    found = scan(folders, ScanOptions(exclude=options.exclude))
    files = [item.path for item in found if isinstance(item, ScannedFile)]
    return [path for path in files if _claims_to_be_photo(path)]


def _claims_to_be_photo(path: Path) -> bool:
    try:
        return classify(path) is not None
    except PhotoError:
        return True


def _finish(
    store: Store,
    name: str,
    result: RunResult,
    start: Model | None,
    options: TrainOptions,
    started: float,
) -> TrainSummary:
    """Compare, install the model under its name, and make it the active one if it is better."""
    before = start or _yardstick()
    after = load_folder(result.model, name=name)
    comparison = compare(
        before, after, result.held_out, rivals=result.rivals, device=options.device
    )
    folder = store.paths.models / name
    _install(result.model, folder, comparison)
    if comparison.is_better:
        stored = store.add_model(
            name, after.fingerprint, spec=asdict(after.spec), dimensions=after.dimensions
        )
        store.set_active_model(stored.id)
    active = store.active_model()
    return TrainSummary(
        name=name,
        folder=folder,
        photos=result.photos,
        errors=len(result.failures),
        seconds=round(time.monotonic() - started, 1),
        compared_with=before.name,
        before=asdict(comparison.before),
        after=asdict(comparison.after),
        is_better=comparison.is_better,
        active=active.name if active else DEFAULT_MODEL,
    )


def _yardstick() -> Model:
    """Return what a model from scratch has to beat: the builtin one, else an untrained network."""
    has_builtin = (BUILTIN_FOLDER / "model.json").is_file()
    return load_model(DEFAULT_MODEL if has_builtin else UNTRAINED)


def _install(trained: Path, folder: Path, comparison: Comparison) -> None:
    """Copy a trained model to its place, weights first: it counts once ``model.json`` is there."""
    described = json.loads((trained / "model.json").read_text(encoding="utf-8"))
    described["comparison"] = asdict(comparison)
    with written_whole(folder / "weights.safetensors") as draft:
        shutil.copyfile(trained / "weights.safetensors", draft)
    write_whole(folder / "model.json", f"{json.dumps(described, indent=2)}\n".encode())


def _as_json(summary: TrainSummary) -> dict[str, Any]:
    return {**asdict(summary), "folder": str(summary.folder)}


def _both(
    first: Callable[[EpochMetrics], None], second: Callable[[EpochMetrics], None] | None
) -> Callable[[EpochMetrics], None]:
    def call(metrics: EpochMetrics) -> None:
        first(metrics)
        if second is not None:
            second(metrics)

    return call
