"""Train a model on the user's own photos, compare it with what there is, keep the better."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.backbone import BUILTIN_FOLDER, UNTRAINED, Model, load_folder, load_model
from dupfind.descriptors.spec import SPEC_FILE, WEIGHTS_FILE
from dupfind.errors import ModelError, PhotoError, TrainingError
from dupfind.flows.before_after import Side, kind_rows, take_side, write_page
from dupfind.flows.models import FORMER_FOLDER, open_active_model, open_model
from dupfind.options import TrainOptions
from dupfind.photos.scan import ScanOptions, scan
from dupfind.photos.sniff import classify
from dupfind.progress import OnDone
from dupfind.records import ScannedFile
from dupfind.reports.before_after import KindRow, by_relation, page_path
from dupfind.store.runs import CurrentRun
from dupfind.store.store import Store
from dupfind.system import written_whole
from dupfind.training.checkpoint import PREFIX
from dupfind.training.comparison import Comparison, Exam
from dupfind.training.distributed import pick_device, process_group, rank, wait_for_all
from dupfind.training.loop import Listener
from dupfind.training.loop import Progress as TrainProgress
from dupfind.training.monitor import EpochMetrics
from dupfind.training.overrides import as_changes
from dupfind.training.run import Prepared, RunOptions, RunResult, fit, prepare
from dupfind.training.worth import check_room

__all__ = [
    "EpochMetrics",
    "TrainCallbacks",
    "TrainProgress",
    "TrainSummary",
    "train_model",
]

SCRATCH = "scratch"
RUNS_FOLDER = "training"
# How much longer than the model before the new one may take to be compared and put in its place.
SLACK = 1.5


@dataclass(frozen=True)
class TrainSummary:
    """What came of a training run.

    ``before`` and ``after`` hold recall_at_1, recall_at_10 and micro_ap on held-out photos and
    altered copies of them; ``compared_with`` is the model before: where training started or the
    library's active one, whichever is harder to beat. ``gain`` is how much better the new one is
    (the mean of recall@1 and micro AP), ``least_gain`` the lower end of its 95% interval.
    ``relations`` count the copies found first by what was done to them, ``page`` shows all of it.
    ``active`` is the model whose descriptors the library uses; a better one takes its place when
    ``index`` has described all photos with it.
    """

    name: str
    folder: Path
    photos: int
    errors: int
    seconds: float
    compared_with: str
    before: dict[str, float]
    after: dict[str, float]
    gain: float
    least_gain: float
    is_better: bool
    active: str
    relations: tuple[KindRow, ...]
    page: Path


@dataclass(frozen=True)
class TrainCallbacks:
    """What a caller wants to hear of: photos decoded (done, total), steps, looks of the monitor."""

    on_decoded: OnDone | None = None
    on_step: Callable[[TrainProgress], None] | None = None
    on_metrics: Callable[[EpochMetrics], None] | None = None


def train_model(
    paths: LibraryPaths,
    folders: Sequence[Path],
    options: TrainOptions,
    callbacks: TrainCallbacks | None = None,
) -> TrainSummary | None:
    """Train on the photos of folders; None in all but the first of torchrun's processes.

    Raises:
        TrainingError: There are too few photos, the name is taken, nothing can be resumed, or it is
            known before the time is spent that training will not help.
        CollapseError: The features collapsed; the last good checkpoint stays.
        ModelError: The model to start from cannot be loaded.
        LibraryLockedError: Another process is writing to the library.
    """
    started = time.monotonic()
    # Of torchrun's processes only the first one speaks.
    calls = callbacks if callbacks is not None and rank() == 0 else TrainCallbacks()
    name = options.name
    run_folder = paths.models / name / RUNS_FOLDER
    _check(name, run_folder, options)
    start = None if options.init == SCRATCH else open_model(options.init, paths)
    run_options = _run_options(paths, run_folder, start, options)
    what = {**asdict(options), "folders": [str(folder) for folder in folders]}
    with ExitStack() as resources:
        resources.enter_context(_explained(paths.root))
        resources.enter_context(process_group(run_options.device))
        # Of torchrun's processes only the first one writes.
        store = resources.enter_context(Store.open(paths, write=True)) if rank() == 0 else None
        run = resources.enter_context(store.run("train", what)) if store else None
        images = _images(folders, options)
        listener = Listener(calls.on_step, _both(_recorder(store, run), calls.on_metrics))
        in_time = _in_time(options.minutes, started, calls.on_decoded)
        prepared = prepare(images, run_options, on_decoded=in_time)
        rivals = _Rivals(store, prepared, start, options) if store else None
        if rivals and start and not (options.anyway or options.resume):
            check_room(rivals.sides[0].found.retrieval(), rivals.exam.copies)
        wait_for_all()
        reserve_s = time.monotonic() - started + (rivals.last_s * SLACK if rivals else 0.0)
        result = fit(prepared, reserve_s=reserve_s, listener=listener)
        if store is None or run is None or rivals is None:
            return None
        summary = _finish(store, name, result, rivals, started)
        run.summary = _as_json(summary)
        return summary


def _in_time(minutes: float | None, started: float, on_decoded: OnDone | None) -> OnDone | None:
    """Return what reports photos as ``on_decoded`` does, and ends a run whose budget they use up.

    The budget is for all of the command: to refuse it after an hour of reading helps nobody.
    """
    if minutes is None:
        return on_decoded

    def report(done: int, total: int) -> None:
        elapsed_s = time.monotonic() - started
        if elapsed_s > 60 * minutes:
            raise TrainingError(
                f"--minutes {minutes:g} leaves no time to train: reading {total:,} photos takes at "
                f"least {elapsed_s * total / max(1, done):.0f} s, and the comparison comes on top; "
                "give more minutes, or fewer photos"
            )
        if on_decoded is not None:
            on_decoded(done, total)

    return report


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"cannot write to {error.filename or root} ({error.strerror or error}); make room or get "
            "the right to write there, then run the command again"
        ) from error


def _recorder(store: Store | None, run: CurrentRun | None) -> Callable[[EpochMetrics], None]:
    def record(metrics: EpochMetrics) -> None:
        if store is not None and run is not None:
            known = {key: value for key, value in metrics.as_json().items() if value is not None}
            store.add_metrics(run.id, metrics.step, known)

    return record


def _check(name: str, run_folder: Path, options: TrainOptions) -> None:
    if Path(name).name != name or name in (DEFAULT_MODEL, UNTRAINED, SCRATCH, ".", ".."):
        raise TrainingError(f"'{name}' cannot be a model's name; choose another with --name")
    steps = [path.name.removeprefix(PREFIX) for path in run_folder.glob(f"{PREFIX}*")]
    if options.resume and not steps:
        raise TrainingError(f"there is no run of '{name}' to resume; train without --resume")
    if steps and not options.resume and rank() == 0:
        raise TrainingError(
            f"there is a run of '{name}' already, {int(max(steps)):,} steps long; go on with it by "
            "--resume, or give the new one another name with --name"
        )


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
        anyway=options.anyway,
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


class _Rivals:
    """The models that the new one has to beat, and what they find of the held-out copies.

    Args:
        store: Its active model is a rival.
        prepared: The run to come.
        start: Where it starts from; None: from scratch, and the yardstick is the rival.
        options: For the device.
    """

    def __init__(
        self, store: Store, prepared: Prepared, start: Model | None, options: TrainOptions
    ) -> None:
        models = [start or _yardstick(), *_active(store)]
        by_fingerprint = {model.fingerprint: model for model in models}
        sizes = {model.spec.view_px for model in models} | {prepared.config.spec.view_px}
        self.device = options.device
        self.exam = Exam(prepared.photos, sorted(sizes))
        self.sides: list[Side] = []
        for model in by_fingerprint.values():
            began = time.monotonic()
            self.sides.append(take_side(self.exam, model, device=self.device))
            self.last_s = time.monotonic() - began

    def compare(self, after: Side) -> tuple[Side, Comparison]:
        """Compare the new model with each; return the one that is hardest to beat."""
        compared = [(side, self.exam.compare(side.found, after.found)) for side in self.sides]
        return min(compared, key=lambda item: item[1].least_gain)


def _active(store: Store) -> list[Model]:
    """Return the library's active model, if it can still be loaded."""
    if store.active_model() is None:
        return []
    try:
        return [open_active_model(store)[0]]
    except ModelError:
        return []  # its files are gone or replaced: nothing to compare with


def _finish(
    store: Store,
    name: str,
    result: RunResult,
    rivals: _Rivals,
    started: float,
) -> TrainSummary:
    """Compare; a better model gets its place under its name, and is what ``index`` takes next."""
    model = load_folder(result.model, name=name)
    after = take_side(rivals.exam, model, device=rivals.device)
    rival, comparison = rivals.compare(after)
    kinds = kind_rows(rivals.exam, rival.found, after.found)
    page = page_path(result.model.parent)
    write_page(page, rivals.exam, rival, after, comparison, kinds)
    folder = result.model
    if comparison.is_better:
        folder = store.paths.models / name
        _install(result.model, folder, comparison)
        store.set_next_model(name)
    active = store.active_model()
    return TrainSummary(
        name=name,
        folder=folder,
        photos=result.photos,
        errors=len(result.failures),
        seconds=round(time.monotonic() - started, 1),
        compared_with=rival.name,
        before=asdict(comparison.before),
        after=asdict(comparison.after),
        gain=comparison.gain,
        least_gain=comparison.least_gain,
        is_better=comparison.is_better,
        active=active.name if active else DEFAULT_MODEL,
        relations=tuple(by_relation(kinds)),
        page=page,
    )


def _yardstick() -> Model:
    """Return what a model from scratch has to beat: the builtin one, else an untrained network."""
    has_builtin = (BUILTIN_FOLDER / "model.json").is_file()
    return load_model(DEFAULT_MODEL if has_builtin else UNTRAINED)


def _install(trained: Path, folder: Path, comparison: Comparison) -> None:
    """Put a trained model in its place; one that lies there is kept as ``former``.

    Weights and ``model.json`` never stand there mixed: a model counts once it has its
    ``model.json``, which goes first and comes last.
    """
    described = json.loads((trained / SPEC_FILE).read_text(encoding="utf-8"))
    described["comparison"] = asdict(comparison)
    _keep_former(folder)
    with written_whole(folder / SPEC_FILE) as spec, written_whole(folder / WEIGHTS_FILE) as weights:
        shutil.copyfile(trained / WEIGHTS_FILE, weights)
        spec.write_text(f"{json.dumps(described, indent=2)}\n", encoding="utf-8")
        (folder / SPEC_FILE).unlink(missing_ok=True)


def _keep_former(folder: Path) -> None:
    """Copy the model in ``folder`` aside: photos are described by it until the next ``index``."""
    if not (folder / SPEC_FILE).is_file():
        return
    with written_whole(folder / FORMER_FOLDER) as draft:
        draft.mkdir()
        for file in (WEIGHTS_FILE, SPEC_FILE):
            shutil.copyfile(folder / file, draft / file)


def _as_json(summary: TrainSummary) -> dict[str, Any]:
    return {**asdict(summary), "folder": str(summary.folder), "page": str(summary.page)}


def _both(
    first: Callable[[EpochMetrics], None], second: Callable[[EpochMetrics], None] | None
) -> Callable[[EpochMetrics], None]:
    def call(metrics: EpochMetrics) -> None:
        first(metrics)
        if second is not None:
            second(metrics)

    return call
