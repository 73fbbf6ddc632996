"""The Python API: a library of photos as one object.

from dupfind import Library

with Library("album/.dupfind") as library:
    library.index(["album"])
    for match in library.query("photo.jpg"):
        print(match.photo.path, match.similarity)
"""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from dupfind.config import LibraryPaths
from dupfind.library_acting import ActingMethods
from dupfind.library_decisions import DecisionMethods
from dupfind.options import (
    DEFAULT_MATCHES,
    AttentionOptions,
    CalibrateOptions,
    ClusterOptions,
    EvaluateOptions,
    IndexKind,
    IndexOptions,
    MapOptions,
    ReportOptions,
    ReviewOptions,
    TrainOptions,
)
from dupfind.records import FileError, Group, Pair, Photo
from dupfind.store.store import Store

if TYPE_CHECKING:
    # torch, FAISS and OpenCV take seconds to import: only the methods that need them do.
    from dupfind.descriptors.attention import AttentionMaps
    from dupfind.flows.clustering import ClusterSummary
    from dupfind.flows.evaluating import Evaluation
    from dupfind.flows.indexing import IndexSummary
    from dupfind.flows.inspecting import KnownModel
    from dupfind.flows.map import MapSummary
    from dupfind.flows.querying import Match, OnJoin
    from dupfind.flows.reviewing import OnReady
    from dupfind.flows.sample_album import SampleAlbum
    from dupfind.flows.training import TrainCallbacks, TrainSummary
    from dupfind.matching.calibrate import Calibration
    from dupfind.progress import OnProgress

AnyPath = str | PathLike[str]
_Options = TypeVar("_Options", AttentionOptions, EvaluateOptions, IndexOptions, TrainOptions)


class Library(DecisionMethods, ActingMethods):
    """The photos of some folders, their descriptors and what was found among them.

    Nothing stays open between calls: each opens the database, does its work and closes it. Only
    ``index``, ``cluster``, ``calibrate``, ``train``, ``apply`` and ``undo`` write, one process at a
    time; all others may run beside them (``decide``, ``undo_decision`` and ``import_decisions``
    write too, but only add rows).

    Args:
        root: The library folder, usually ``.dupfind``; made by the first ``index``.
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``; it holds for
            every method whose options do not name another.
    """

    def __init__(self, root: AnyPath, *, device: str = "auto") -> None:
        self.paths = LibraryPaths(Path(root).absolute())
        self.device = device

    def __enter__(self) -> "Library":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is left open."""

    def store(self, *, write: bool = False) -> Store:
        """Open the database itself, as a context manager.

        Raises:
            LibraryLockedError: ``write``, and another process is writing.
            LibraryError: It is missing (unless ``write``), damaged or read-only.
        """
        return Store.open(self.paths, write=write)

    def index(
        self,
        folders: Sequence[AnyPath],
        options: IndexOptions | None = None,
        *,
        on_progress: "OnProgress | None" = None,
    ) -> "IndexSummary":
        """Bring the library up to date with the photos in folders; only new and changed are read.

        Args:
            folders: Folders or single files.
            options: What to leave out, which model, ...
            on_progress: Called often with how far it is.

        Raises:
            LibraryError: A folder does not exist, or the library cannot be written.
            ModelError: The model cannot be loaded.
        """
        from dupfind.flows.indexing import index_photos

        options = self._placed(options or IndexOptions())
        with self.store(write=True) as store:
            return index_photos(store, [Path(folder) for folder in folders], options, on_progress)

    def find(
        self,
        folders: Sequence[AnyPath],
        index: IndexOptions | None = None,
        cluster: ClusterOptions | None = None,
        *,
        on_progress: "OnProgress | None" = None,
    ) -> "tuple[IndexSummary, ClusterSummary]":
        """Bring the library up to date, then find the groups of copies among all its photos.

        Raises as ``index`` and ``cluster``.
        """
        indexed = self.index(folders, index, on_progress=on_progress)
        return indexed, self.cluster(cluster, on_progress=on_progress)

    def train(
        self,
        folders: Sequence[AnyPath],
        options: TrainOptions | None = None,
        callbacks: "TrainCallbacks | None" = None,
    ) -> "TrainSummary | None":
        """Train a model on the photos of folders; the next ``index`` takes it if it is better.

        Under torchrun, only the first process gets a summary; the others get None.

        Raises:
            TrainingError: There are too few photos, or nothing to resume.
            CollapseError: The features collapsed; the last good checkpoint stays.
            ModelError: The model to start from cannot be loaded.
        """
        from dupfind.flows.training import train_model

        options = self._placed(options or TrainOptions())
        return train_model(self.paths, [Path(folder) for folder in folders], options, callbacks)

    def query(
        self,
        image: AnyPath,
        *,
        k: int = DEFAULT_MATCHES,
        index_kind: IndexKind = IndexKind.AUTO,
        on_join: "OnJoin | None" = None,
    ) -> "list[Match]":
        """Return the ``k`` photos nearest to an image file (in the library or not), nearest first.

        ``index_kind`` is how descriptors are compared; ``on_join`` is told how they were.

        Raises:
            PhotoError: The image cannot be read.
            LibraryError: There is no library.
        """
        from dupfind.flows.querying import find_nearest

        with self.store() as store:
            return find_nearest(
                store, Path(image), k=k, device=self.device, index_kind=index_kind, on_join=on_join
            )

    def cluster(
        self, options: ClusterOptions | None = None, *, on_progress: "OnProgress | None" = None
    ) -> "ClusterSummary":
        """Find and record the groups of copies; ``groups`` and ``pairs`` then return them.

        Raises:
            LibraryError: Nothing is indexed yet, or the library cannot be written.
        """
        from dupfind.flows.clustering import cluster_photos

        with self.store(write=True) as store:
            return cluster_photos(store, options, on_progress)

    def calibrate(
        self, options: CalibrateOptions | None = None, *, on_progress: "OnProgress | None" = None
    ) -> "Calibration":
        """Learn on edited copies of the library's own photos how probable a copy is.

        Raises:
            CalibrationError: The library is too small.
            LibraryError: Nothing is indexed yet, or the library cannot be written.
        """
        from dupfind.flows.calibrating import calibrate_library

        with self.store(write=True) as store:
            return calibrate_library(store, options, on_progress)

    def expectations(self, calibration: "Calibration") -> dict[str, Any]:
        """Return, JSON-ready, what to expect of a calibration at several precisions, and by kind."""
        from dupfind.flows.calibrating import expectations

        return expectations(calibration)

    def photos(self) -> list[Photo]:
        """Return the photos, by id."""
        with self.store() as store:
            return list(store.photos())

    def groups(self) -> list[Group]:
        """Return the groups that the last ``cluster`` found, without photos that are gone since."""
        with self.store() as store:
            return list(store.groups())

    def pairs(self) -> list[Pair]:
        """Return every pair that the last ``cluster`` scored, the most probable first."""
        with self.store() as store:
            return list(store.pairs())

    def errors(self) -> list[FileError]:
        """Return the files that could not be used, and why."""
        with self.store() as store:
            return list(store.errors())

    def models(self) -> "list[KnownModel]":
        """Return the models that ``index`` takes by name, and those that described photos."""
        from dupfind.flows.inspecting import list_models

        return list_models(self.paths)

    def info(self) -> dict[str, Any]:
        """Return what this machine offers (``machine``) and what is in the library (``library``)."""
        from dupfind.flows.inspecting import library_facts, machine_facts

        return {"machine": machine_facts(self.device), "library": library_facts(self.paths)}

    def write_datasette(self, folder: AnyPath, *, on_progress: "OnProgress | None" = None) -> None:
        """Write into a folder what `datasette` needs to show the library with names and pictures.

        Raises:
            LibraryError: There is no library.
            ReportError: The folder cannot be written.
        """
        from dupfind.flows.inspecting import write_datasette

        with self.store() as store:
            write_datasette(store, Path(folder), on_progress)

    def report(
        self,
        output: AnyPath | None = None,
        options: ReportOptions | None = None,
        *,
        on_progress: "OnProgress | None" = None,
    ) -> None:
        """Write a report of the groups that the last ``cluster`` found.

        Args:
            output: A file, which appears whole or not at all; None or ``-`` for standard output.
            options: The format (terminal, json, csv, pairs, html) and how much of it.
            on_progress: Called while the pictures of an HTML page are made.

        Raises:
            LibraryError: Nothing was clustered yet.
            ReportError: The file cannot be written.
        """
        from dupfind.flows.reporting import write_report

        with self.store() as store:
            write_report(store, _path(output), options, on_progress)

    def review(
        self, options: ReviewOptions | None = None, *, on_ready: "OnReady | None" = None
    ) -> None:
        """Serve the page to look and decide, at this machine only, until Ctrl-C.

        Args:
            options: Where to listen.
            on_ready: Called with the address to open first, and how many groups there are.

        Raises:
            LibraryError: There is no library, or ``cluster`` has not been run.
            ReportError: ``dupfind[review]`` is not installed, or the port is taken.
        """
        from dupfind.flows.reviewing import serve_review

        serve_review(self.paths, options or ReviewOptions(), on_ready, device=self.device)

    def map(
        self,
        output: AnyPath | None = None,
        options: MapOptions | None = None,
        *,
        on_progress: "OnProgress | None" = None,
    ) -> "MapSummary":
        """Write one HTML page with every photo at its place, alike ones near each other.

        Args:
            output: A file, which appears whole or not at all; None or ``-`` for standard output.
            options: How many photos to show.
            on_progress: Called while the pictures are made.

        Raises:
            ModelError: Nothing is indexed yet.
            ReportError: The file cannot be written.
        """
        from dupfind.flows.map import draw_map

        with self.store() as store:
            return draw_map(store, _path(output), options, on_progress)

    def attention(
        self, image: AnyPath, output: AnyPath, options: AttentionOptions | None = None
    ) -> "AttentionMaps":
        """Write a PNG of what the model looks at in any photo, and return the attention itself.

        The library need not exist: the builtin model then looks.

        Raises:
            PhotoError: The image cannot be read.
            ModelError: The model cannot be loaded, or has no such layer.
            ReportError: The file cannot be written, or is the photo itself.
        """
        from dupfind.flows.attention import draw_attention

        options = self._placed(options or AttentionOptions())
        return draw_attention(self.paths, Path(image), Path(output), options)

    def evaluate(
        self,
        truth: AnyPath,
        options: EvaluateOptions | None = None,
        *,
        on_progress: "OnProgress | None" = None,
    ) -> "Evaluation":
        """Measure accuracy on photos whose copies are known.

        They are indexed and clustered in a temporary library, or in this one if ``options.keep``.

        Args:
            truth: A CSV file ``path,group_id[,kind,is_original]``, or the folder of a data set.
            options: See ``EvaluateOptions``.
            on_progress: Called often with how far it is.

        Raises:
            TruthError: The labels cannot be used.
            ModelError: The model cannot be loaded.
            LibraryError: The library cannot be written.
        """
        from dupfind.flows.evaluating import evaluate, evaluate_apart, read_labels

        options = self._placed(options or EvaluateOptions())
        labels = read_labels(
            Path(truth),
            options.layout,
            hard_negatives=options.hard_negatives,
            neutral=options.neutral,
        )
        if not options.keep:
            return evaluate_apart(self.paths, labels, options, on_progress)
        with self.store(write=True) as store:
            return evaluate(store, labels, options, on_progress)

    def classify(self, folder: AnyPath, *, model: str | None = None) -> dict[str, Any]:
        """Classify the photos of a folder (a subfolder a class) by their neighbours; JSON-ready.

        Raises:
            TruthError: There are fewer than two classes with photos.
            ModelError: The model cannot be loaded.
        """
        from dupfind.flows.classifying import classify_folder

        return classify_folder(self.paths, Path(folder), model=model, device=self.device)

    @staticmethod
    def sample_album(folder: AnyPath) -> "SampleAlbum":
        """Make a small album to try dupfind on, from pictures that scikit-image ships.

        Raises:
            LibraryError: scikit-image is not installed, or the folder cannot be written.
        """
        from dupfind.flows.sample_album import make_sample_album

        return make_sample_album(Path(folder))

    def _placed(self, options: _Options) -> _Options:
        """Return the options with this library's device where they name none."""
        return replace(options, device=self.device) if options.device == "auto" else options


def _path(output: AnyPath | None) -> Path | None:
    return None if output is None else Path(output)
