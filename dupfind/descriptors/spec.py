"""What a saved model is, without loading torch: its folder, its spec and its fingerprint.

Importing torch takes seconds; a run that finds nothing new needs only to know that the model is
the one that described the photos.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dupfind.errors import ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BUILTIN_FOLDER = Path(__file__).parent / "builtin"
UNTRAINED = "untrained"
SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class ModelSpec:
    """What makes a descriptor besides the weights: architecture, view and pooling.

    ``architecture`` is a timm name, ``arguments`` go to ``timm.create_model``; a photo is squashed
    to ``view_px`` x ``view_px``; ``gem_power`` is the exponent of GeM pooling over patch tokens.
    """

    architecture: str = "vit_tiny_patch16_224"
    arguments: dict[str, Any] = field(default_factory=dict)
    view_px: int = 160
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    gem_power: float = 3.0


@dataclass(frozen=True)
class ModelIdentity:
    """Which model it is: as ``backbone.Model``, without the network."""

    name: str
    spec: ModelSpec
    fingerprint: str
    dimensions: int


def model_folder(name: str, models_folder: Path | None) -> Path | None:
    """Return the folder of a saved model: the builtin one, one of the library, or any by its path."""
    candidates = [BUILTIN_FOLDER] if name == "builtin" else [Path(name)]
    if models_folder is not None and name != "builtin":
        candidates.insert(0, models_folder / name)
    return next((folder for folder in candidates if (folder / SPEC_FILE).is_file()), None)


def read_spec(folder: Path) -> ModelSpec:
    """Read the spec in ``model.json``; raises what json and the file system raise."""
    described = json.loads((folder / SPEC_FILE).read_text(encoding="utf-8"))
    return ModelSpec(**described["spec"])


def identify(name: str, models_folder: Path | None) -> ModelIdentity | None:
    """Return which model a name stands for, or None when only loading it can tell.

    Raises:
        ModelError: Its files are damaged.
    """
    folder = None if name == UNTRAINED else model_folder(name, models_folder)
    if folder is None:
        return None
    try:
        spec, weights = read_spec(folder), load_file(folder / WEIGHTS_FILE)
    except Exception as error:  # safetensors and JSON each raise their own kinds
        raise damaged(folder, error) from error
    cls_token = weights.get("cls_token")
    if cls_token is None:
        return None
    return ModelIdentity(name, spec, fingerprint(spec, weights), 2 * cls_token.shape[-1])


def fingerprint(spec: ModelSpec, weights: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of spec and weights, 64 hex digits; float16 and float32 count alike."""
    digest = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode())
    for key, value in sorted(weights.items()):
        digest.update(key.encode())
        digest.update(value.astype(np.float32).tobytes())
    return digest.hexdigest()


def damaged(folder: Path, error: Exception) -> ModelError:
    """Return the error for a model folder that cannot be read."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"the model in {folder} cannot be loaded ({reason}); train or copy it again")
