"""Checkpoints: all that a run needs to go on, as safetensors and JSON, never a pickle.

A checkpoint is a folder that appears whole: it is written under another name, flushed, then
renamed. A process killed at any moment leaves the one before.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dupfind.errors import TrainingError
from dupfind.system import remove_left_over, written_whole
from dupfind.training.step import Learner

PREFIX = "step-"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands. ``epoch`` is the epoch to go on with, ``batch`` its next batch.

    ``held`` are the rows that are held out of the collection that ``collection`` names (a digest
    of its files' names).
    """

    step: int
    epoch: int
    batch: int
    elapsed_s: float
    config: dict[str, Any]
    history: list[dict[str, Any]]
    held: list[int]
    collection: str


def save_checkpoint(folder: Path, learner: Learner, state: Checkpoint) -> Path:
    """Write a checkpoint into ``folder`` and remove the older ones, half written ones too.

    Raises:
        TrainingError: It cannot be written: a full disk, most likely. The one before stays.
    """
    final = folder / f"{PREFIX}{state.step:09d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_left_over(folder, PREFIX)
        with written_whole(final) as draft:
            draft.mkdir()
            save_file(_tensors(learner), draft / "state.safetensors")
            (draft / "state.json").write_text(json.dumps(vars(state)), encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"the checkpoint {final} cannot be written ({error}); make room there and go on with "
            "--resume"
        ) from error
    for old in _checkpoints(folder)[:-1]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def read_checkpoint(folder: Path) -> tuple[Path, Checkpoint] | None:
    """Return the newest checkpoint of ``folder``, or None if there is none.

    Raises:
        TrainingError: Its description cannot be read.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    try:
        described = json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))
        return found[-1], Checkpoint(**described)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"the checkpoint {found[-1]} cannot be read ({error}); remove that folder, or train anew "
            "under another --name"
        ) from error


def load_checkpoint(path: Path, learner: Learner) -> None:
    """Put a checkpoint's weights, moments and centre into ``learner``.

    Raises:
        TrainingError: The file is damaged, or made by a run with another network.
    """
    try:
        tensors = load_file(path / "state.safetensors")
        for prefix, module in _modules(learner):
            module.load_state_dict(_under(tensors, prefix))
        _load_moments(learner, _under(tensors, "optimiser."))
    except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise TrainingError(
            f"the checkpoint {path} is damaged or does not fit this run ({str(error).splitlines()[0]}); "
            "resume with the options of the run that wrote it, or remove it"
        ) from error


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / "state.json").is_file())


def _modules(learner: Learner) -> list[tuple[str, torch.nn.Module]]:
    modules: list[tuple[str, torch.nn.Module]] = [
        ("student.", learner.student),
        ("teacher.", learner.teacher),
        ("dino.", learner.dino),
    ]
    if learner.memory is not None:
        modules.append(("memory.", learner.memory))
    return modules


def _tensors(learner: Learner) -> dict[str, Tensor]:
    tensors = {
        prefix + name: value.detach().cpu().contiguous().clone()
        for prefix, module in _modules(learner)
        for name, value in module.state_dict().items()
    }
    for name, parameter in learner.student.named_parameters():
        for key, value in learner.optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{name}|{key}"] = value.detach().cpu().contiguous().clone()
    return tensors


def _load_moments(learner: Learner, tensors: dict[str, Tensor]) -> None:
    parameters = dict(learner.student.named_parameters())
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        parameter_name, _, key = name.partition("|")
        found.setdefault(parameter_name, {})[key] = value
    for name, moments in found.items():
        parameter = parameters[name]
        for key in MOMENTS:
            if moments[key].shape != parameter.shape:
                raise ValueError(f"{key} of {name} has the shape {tuple(moments[key].shape)}")
        # AdamW counts steps in float32 beside the parameter when it is fused.
        learner.optimiser.state[parameter] = {
            key: moments[key].to(parameter.device) for key in ("step", *MOMENTS)
        }


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
