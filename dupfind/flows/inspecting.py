"""What models there are, what this machine offers, and what a library holds."""

import importlib.metadata
import json
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dupfind
from dupfind.config import LibraryPaths
from dupfind.descriptors.spec import BUILTIN_FOLDER, UNTRAINED
from dupfind.photos.decode import FORMATS
from dupfind.store.connection import is_there
from dupfind.store.models import StoredModel
from dupfind.store.store import Store
from dupfind.system import usable_cores

_PACKAGES = ("torch", "timm", "faiss-gpu", "faiss-cpu", "numpy", "pillow", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that ``index --model`` takes, or that described photos of the library.

    ``origin`` is builtin, library, untrained or described (its files are elsewhere or gone).
    ``photos`` counts the contents that it described; ``about`` is a line from its maker.
    """

    name: str
    origin: str
    active: bool
    photos: int
    dimensions: int | None = None
    about: str = ""


def list_models(paths: LibraryPaths) -> list[KnownModel]:
    """Return the builtin model, the library's trained ones, and those that described photos.

    Raises:
        LibraryError: The library is damaged; none at all is fine.
    """
    stored, active, counts = _described(paths)
    found: dict[str, tuple[str, str]] = {}
    if (BUILTIN_FOLDER / "model.json").is_file():
        found["builtin"] = ("builtin", _about(BUILTIN_FOLDER))
    for file in sorted(paths.models.glob("*/model.json")):
        found[file.parent.name] = ("library", _about(file.parent))
    found[UNTRAINED] = ("untrained", "fixed random weights: the yardstick of every training")
    for model in stored:
        found.setdefault(model.name, ("described", ""))
    by_name = {model.name: model for model in stored}
    return [
        KnownModel(
            name,
            origin,
            active is not None and active.name == name,
            counts.get(by_name[name].id, 0) if name in by_name else 0,
            by_name[name].dimensions if name in by_name else None,
            about,
        )
        for name, (origin, about) in found.items()
    ]


def machine_facts(device: str) -> dict[str, Any]:
    """Return versions, devices and formats, JSON-ready.

    Raises:
        ModelError: There is no such device.
    """
    from dupfind.descriptors.embed import choose_device, devices
    from dupfind.index import gpu_count

    return {
        "dupfind": dupfind.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "cores": usable_cores(),
        "device": str(choose_device(device)),
        "devices": devices(),
        "faiss_gpus": gpu_count(),
        "formats": sorted(FORMATS),
    }


def library_facts(paths: LibraryPaths) -> dict[str, Any] | None:
    """Return what a library holds, JSON-ready; None when there is no library.

    Raises:
        LibraryError: It is damaged.
    """
    if not is_there(paths.database):
        return None
    with Store.open(paths) as store:
        model = store.active_model()
        clustered = store.latest_run("cluster")
        return {
            "folder": str(paths.root),
            "bytes": sum(file.stat().st_size for file in paths.root.rglob("*") if file.is_file()),
            "photos": store.count_photos(),
            "errors": sum(1 for _ in store.errors()),
            "model": None if model is None else model.name,
            "described": 0 if model is None else store.count_vectors(model.id),
            "groups": sum(1 for _ in store.groups()),
            "clustered_at": None if clustered is None else clustered.finished_at,
        }


def _described(
    paths: LibraryPaths,
) -> tuple[list[StoredModel], StoredModel | None, dict[int, int]]:
    if not is_there(paths.database):
        return [], None, {}
    with Store.open(paths) as store:
        models = store.models()
        counts = {model.id: store.count_vectors(model.id) for model in models}
        return models, store.active_model(), counts


def _about(folder: Path) -> str:
    try:
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "damaged: its model.json cannot be read"
    architecture = described.get("spec", {}).get("architecture", "")
    return str(described.get("about") or architecture)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
