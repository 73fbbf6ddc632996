"""Part of the way back: weights between those that a run started from and those it ended with.

A run on one album forgets what the album does not show. On the line between the two sets of weights lie
models that find more of the album's copies than the start and forget less than the end.

Source: Robust fine-tuning of zero-shot models (WiSE-FT, arXiv 2109.01903).
"""

import copy
from pathlib import Path

import torch
from torch import nn

from dupfind.descriptors.backbone import ModelSpec, load_folder, save_model

FOLDER = "start"


class Start:
    """The weights that a run started from, kept in ``folder / "start"`` for when it is resumed."""

    def __init__(self, folder: Path, spec: ModelSpec, backbone: nn.Module) -> None:
        self.folder = folder / FOLDER
        self.spec = spec
        self.backbone = copy.deepcopy(backbone).cpu()

    def keep(self) -> None:
        """Write them down."""
        save_model(self.folder, spec=self.spec, module=self.backbone, details={}, half=False)

    def recall(self) -> None:
        """Take up those that were written down, whatever the resumed run was told to start from.

        Raises:
            ModelError: They are damaged or gone.
        """
        self.backbone = load_folder(self.folder, name=FOLDER).module


@torch.no_grad()
def mixed(start: nn.Module, end: nn.Module, share: float) -> nn.Module:
    """Return a copy of ``end`` whose weights are ``share`` of the way from ``start`` to it."""
    result = copy.deepcopy(end).cpu()
    before = start.state_dict()
    state = {
        name: torch.lerp(before[name], value, share) for name, value in result.state_dict().items()
    }
    result.load_state_dict(state)
    return result
