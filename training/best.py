"""The best look of a run: kept on disk, so that a run that gets worse ends with what was best."""

import json
import shutil
from pathlib import Path
from typing import Any

from torch import nn

from dupfind.descriptors.backbone import ModelSpec, load_folder, save_model
from dupfind.training.heldout import Retrieval

FOLDER = "best"
# A chance gain of a copy or two is no new best: the run would never seem to have peaked.
LEAST_GAIN = 0.002
# Of many looks at a hundred copies the best one is partly luck: the end is taken unless it is that much worse.
CHANCE_GAIN = 0.03


class BestLook:
    """The teacher of the look that found most, in ``folder / "best"``.

    ``score`` is what the look found and ``progress`` how far the run was; before the first look they
    are 0 and 0.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.score = 0.0
        self.progress = 0.0

    def forget(self) -> None:
        """Remove what another run has left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def recall(self) -> None:
        """Take up what this run has kept before it was stopped, if it did."""
        try:
            kept = json.loads((self.folder / "model.json").read_text(encoding="utf-8"))["look"]
            self.score, self.progress = float(kept["score"]), float(kept["progress"])
        except (OSError, ValueError, KeyError, TypeError):
            self.forget()  # half a folder: the next look is the first

    def add(
        self, found: Retrieval, progress: float, spec: ModelSpec, module: nn.Module, training: Any
    ) -> None:
        """Keep this look's model if it is better than all before."""
        if found.score > self.score + LEAST_GAIN:
            self.score, self.progress = found.score, progress
            look = {"score": self.score, "progress": progress}
            details = {"training": training, "network": "teacher", "look": look}
            save_model(self.folder, spec=spec, module=module, details=details)

    def has_peaked(self, progress: float, patience: float) -> bool:
        """Tell whether the share ``patience`` of the run (0: never) went by without a new best."""
        return patience > 0 and self.score > 0 and progress - self.progress > patience

    def load(self) -> nn.Module:
        """Return the kept model.

        Raises:
            ModelError: It is damaged or gone.
        """
        return load_folder(self.folder, name=FOLDER).module
