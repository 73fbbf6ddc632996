"""Find the model that a command wants: by name, the library's active one, or the default."""

import logging
from pathlib import Path

from dupfind.config import DEFAULT_MODEL, LibraryPaths
from dupfind.descriptors.backbone import BUILTIN_FOLDER, UNTRAINED, Model, load_model
from dupfind.errors import ModelError
from dupfind.store.models import StoredModel
from dupfind.store.store import Store

log = logging.getLogger(__name__)


def open_model(name: str, paths: LibraryPaths) -> Model:
    """Load a model for a library.

    Raises:
        ModelError: There is none of that name, or it is damaged.
    """
    if name == DEFAULT_MODEL and not (BUILTIN_FOLDER / "model.json").is_file():
        log.warning(
            "the builtin weights are not in this installation: a network with fixed random weights "
            "stands in for them; train one with `dupfind train`, or name one with --model"
        )
        name = UNTRAINED
    elif not (paths.models / name / "model.json").is_file() and Path(name).is_dir():
        name = str(Path(name).absolute())  # the next command may run in another folder
    return load_model(name, models_folder=paths.models)


def wanted_model(store: Store, name: str | None) -> str:
    """Return the name to load: the one asked for, the active one of the library, or the default."""
    if name is not None:
        return name
    active = store.active_model()
    return DEFAULT_MODEL if active is None else active.name


def open_active_model(store: Store) -> tuple[Model, StoredModel]:
    """Load the model that described the library's photos.

    Raises:
        ModelError: Nothing was indexed yet, or the model of that name is another one by now.
    """
    stored = store.active_model()
    if stored is None:
        raise ModelError("the library holds no descriptors yet; run `dupfind index PHOTOS` first")
    model = open_model(stored.name, store.paths)
    if model.fingerprint != stored.fingerprint:
        raise ModelError(
            f"the model '{stored.name}' is not the one that described this library any more; "
            "run `dupfind index PHOTOS` to describe the photos again"
        )
    return model, stored
