"""Classify a labelled folder by nearest neighbours: do the descriptors tell categories apart?"""

from pathlib import Path
from typing import Any

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.embed import Embedder
from dupfind.errors import TruthError
from dupfind.evaluation.knn import knn_report
from dupfind.evaluation.layouts import read_classes
from dupfind.flows.labelled import describe_files
from dupfind.flows.models import open_model


def classify_folder(
    paths: LibraryPaths, folder: Path, *, model: str | None = None, device: str = "auto"
) -> dict[str, Any]:
    """Classify every photo of a folder (one subfolder a class) by its nearest others.

    The library of ``paths`` need not exist: it is only asked for models of that name. ``model``
    None means the builtin one.

    Returns:
        The report of ``evaluation.knn.knn_report`` with ``model`` and the ``errors``: files that
        could not be read, left out of all figures.

    Raises:
        TruthError: There are fewer than two classes with photos.
        ModelError: The model cannot be loaded.
    """
    model = model or DEFAULT_MODEL
    files, labels, classes = read_classes(folder)
    described = describe_files(Embedder(open_model(model, paths), device=device), files)
    known = described.vectors.any(axis=1)
    if len(set(labels[known].tolist())) < 2:
        raise TruthError(f"{folder}: fewer than two classes hold a photo that can be read")
    report = knn_report(described.vectors[known], labels[known], classes)
    errors = [{"path": str(error.path), "error": error.reason} for error in described.errors]
    return {"model": model, **report, "errors": errors}
