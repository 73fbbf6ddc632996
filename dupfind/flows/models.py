"""Find the model that a command wants: by name, the library's active one, or the default."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.spec import (
    BUILTIN_FOLDER,
    SPEC_FILE,
    UNTRAINED,
    ModelIdentity,
    identify,
)
from dupfind.errors import ModelError
from dupfind.reports.words import count
from dupfind.store.models import StoredModel
from dupfind.store.store import Store

if TYPE_CHECKING:  # torch takes seconds to import, and many commands need no network
    import numpy as np
    from numpy.typing import NDArray

    from dupfind.descriptors.backbone import Model

# Below a trained model's folder: the one of the same name before, until all is described anew.
FORMER_FOLDER = "former"

log = logging.getLogger(__name__)


def open_model(name: str, paths: LibraryPaths) -> "Model":
    """Load a model for a library.

    Raises:
        ModelError: There is none of that name, or it is damaged.
    """
    from dupfind.descriptors.backbone import load_model

    return load_model(full_name(name, paths), models_folder=paths.models)


def identify_model(name: str, paths: LibraryPaths) -> "ModelIdentity | Model":
    """Return which model a name stands for; it is loaded only when nothing less can tell.

    Raises:
        ModelError: There is none of that name, or it is damaged.
    """
    found = identify(full_name(name, paths), paths.models)
    return open_model(name, paths) if found is None else found


def full_name(name: str, paths: LibraryPaths) -> str:
    """Return the name that finds the same model from any folder.

    Raises:
        ModelError: The builtin one is asked for and is not there.
    """
    if name == DEFAULT_MODEL and not (BUILTIN_FOLDER / "model.json").is_file():
        raise ModelError(
            "the builtin weights are missing from this installation; install dupfind again, or name "
            "another model with --model"
        )
    if not (paths.models / name / "model.json").is_file() and Path(name).is_dir():
        return str(Path(name).absolute())
    return name


def wanted_model(store: Store, name: str | None) -> str:
    """Return the name to load: the one asked for, the active one of the library, or the default."""
    if name is not None:
        return name
    active = store.active_model()
    return DEFAULT_MODEL if active is None else active.name


def model_to_index(store: Store, name: str | None) -> str:
    """Return the name that ``index`` loads: as ``wanted_model``, but one that is to follow first."""
    following = store.next_model()
    if name is None and following and _is_there(following, store.paths):
        return following
    return wanted_model(store, name)


def take_over(store: Store, model_id: int, name: str) -> int:
    """Make a model the active one if it has described all photos; return how many are left.

    Until then the one before stays active, and the next ``index`` goes on with the new one.
    """
    left = store.count_undescribed(model_id)
    active = store.active_model()
    if not left:
        store.set_active_model(model_id)
        store.set_next_model(None)
    elif active is not None and active.id != model_id:
        store.set_next_model(name)
        log.warning(
            "'%s' has not described %s of other folders, so '%s' stays the active model; run "
            "`dupfind index` with those folders too",
            name,
            count(left, "photo"),
            active.name,
        )
    return left


def described_vectors(
    store: Store, model: StoredModel
) -> "tuple[NDArray[np.int64], NDArray[np.float16]]":
    """Return ids and descriptors as ``Store.vectors``, and say so where photos are left out.

    Raises:
        ModelError: Not one photo is described.
    """
    ids, vectors = store.vectors(model.id)
    if not len(ids):
        raise ModelError(
            f"no photo is described by the model '{model.name}' yet; run `dupfind index PHOTOS` first"
        )
    left = store.count_undescribed(model.id)
    if left:
        log.warning(
            "the model '%s' has not described %s yet, left out here; run `dupfind index` with all "
            "their folders",
            model.name,
            count(left, "photo"),
        )
    return ids, vectors


def open_active_model(store: Store) -> "tuple[Model, StoredModel]":
    """Load the model that described the library's photos.

    Raises:
        ModelError: Nothing was indexed yet, or the model of that name is another one by now.
    """
    stored = store.active_model()
    if stored is None:
        raise ModelError("the library holds no descriptors yet; run `dupfind index PHOTOS` first")
    model = open_model(stored.name, store.paths)
    former = store.paths.models / stored.name / FORMER_FOLDER
    if model.fingerprint != stored.fingerprint and (former / SPEC_FILE).is_file():
        model = replace(open_model(str(former), store.paths), name=stored.name)
    if model.fingerprint != stored.fingerprint:
        raise ModelError(
            f"the model '{stored.name}' is not the one that described this library any more; "
            "run `dupfind index PHOTOS` to describe the photos again"
        )
    return model, stored


def _is_there(name: str, paths: LibraryPaths) -> bool:
    if name in (DEFAULT_MODEL, UNTRAINED):
        return True
    return any((folder / SPEC_FILE).is_file() for folder in (paths.models / name, Path(name)))
