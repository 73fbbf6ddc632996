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
from typing import TYPE_CHECKING, Any

from dupfind.config import LibraryPaths
from dupfind.flows.indexing import IndexOptions, IndexSummary, index_photos
from dupfind.flows.inspecting import KnownModel, library_facts, list_models, machine_facts
from dupfind.flows.reporting import ReportOptions, write_report
from dupfind.progress import OnProgress
from dupfind.records import FileError, Group, Pair, Photo
from dupfind.store.store import Store

if TYPE_CHECKING:
    # torch, FAISS and OpenCV take seconds to import: only the methods that need them do.
    from dupfind.flows.calibrating import CalibrateOptions
    from dupfind.flows.clustering import ClusterOptions, ClusterSummary
    from dupfind.flows.querying import Match
    from dupfind.flows.training import TrainCallbacks, TrainOptions, TrainSummary
    from dupfind.matching.calibrate import Calibration

AnyPath = str | PathLike[str]


class Library:
    """The photos of some folders, their descriptors and what was found among them.

    Nothing stays open between calls: each opens the database, does its work and closes it. Only
    ``index``, ``cluster``, ``calibrate`` and ``train`` write, one process at a time; all others
    may run beside them.

    Args:
        root: The library folder, usually ``.dupfind``; made by the first ``index``.
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
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
        on_progress: OnProgress | None = None,
    ) -> IndexSummary:
        """Bring the library up to date with the photos in folders; only new and changed are read.

        Args:
            folders: Folders or single files.
            options: What to leave out, which model, ...
            on_progress: Called often with how far it is.

        Raises:
            LibraryError: A folder does not exist, or the library cannot be written.
            ModelError: The model cannot be loaded.
        """
        options = options or IndexOptions()
        if options.device == "auto":
            options = replace(options, device=self.device)
        with self.store(write=True) as store:
            return index_photos(store, [Path(folder) for folder in folders], options, on_progress)

    def train(
        self,
        folders: Sequence[AnyPath],
        options: "TrainOptions | None" = None,
        callbacks: "TrainCallbacks | None" = None,
    ) -> "TrainSummary | None":
        """Train a model on the photos of folders; it becomes the active one if it is better.

        Under torchrun, only the first process gets a summary; the others get None.

        Raises:
            TrainingError: There are too few photos, or nothing to resume.
            CollapseError: The features collapsed; the last good checkpoint stays.
            ModelError: The model to start from cannot be loaded.
        """
        from dupfind.flows.training import TrainOptions, train_model

        options = options or TrainOptions(device=self.device)
        return train_model(self.paths, [Path(folder) for folder in folders], options, callbacks)

    def query(self, image: AnyPath, *, k: int = 10) -> "list[Match]":
        """Return the ``k`` photos nearest to an image file (in the library or not), nearest first.

        Raises:
            PhotoError: The image cannot be read.
            LibraryError: There is no library.
        """
        from dupfind.flows.querying import find_nearest

        with self.store() as store:
            return find_nearest(store, Path(image), k=k, device=self.device)

    def cluster(
        self, options: "ClusterOptions | None" = None, *, on_progress: OnProgress | None = None
    ) -> "ClusterSummary":
        """Find and record the groups of copies; ``groups`` and ``pairs`` then return them.

        Raises:
            LibraryError: Nothing is indexed yet, or the library cannot be written.
        """
        from dupfind.flows.clustering import cluster_photos

        with self.store(write=True) as store:
            return cluster_photos(store, options, on_progress)

    def calibrate(
        self, options: "CalibrateOptions | None" = None, *, on_progress: OnProgress | None = None
    ) -> "Calibration":
        """Learn on edited copies of the library's own photos how probable a copy is.

        Raises:
            CalibrationError: The library is too small.
            LibraryError: Nothing is indexed yet, or the library cannot be written.
        """
        from dupfind.flows.calibrating import calibrate_library

        with self.store(write=True) as store:
            return calibrate_library(store, options, on_progress)

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

    def models(self) -> list[KnownModel]:
        """Return the models that ``index`` takes by name, and those that described photos."""
        return list_models(self.paths)

    def info(self) -> dict[str, Any]:
        """Return what this machine offers (``machine``) and what is in the library (``library``)."""
        return {"machine": machine_facts(self.device), "library": library_facts(self.paths)}

    def report(
        self,
        output: AnyPath | None = None,
        options: ReportOptions | None = None,
    ) -> None:
        """Write a report of the groups that the last ``cluster`` found.

        Args:
            output: A file, which appears whole or not at all; None for standard output.
            options: The format (terminal, json, csv, pairs, html) and how much of it.

        Raises:
            LibraryError: Nothing was clustered yet.
            ReportError: The file cannot be written.
        """
        target = None if output is None else Path(output)
        write_report(self.paths.root, target, options or ReportOptions())
