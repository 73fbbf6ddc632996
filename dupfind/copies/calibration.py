"""The calibration of a library: the stored one, the shipped one where there is none, and why."""

import json
from dataclasses import dataclass

from dupfind.errors import CalibrationError
from dupfind.matching.calibrate import Calibration, shipped_calibration
from dupfind.store.store import Store

GROWN = 1.1  # a library that has so many times the pictures may have enough examples by now


@dataclass(frozen=True)
class Found:
    """A calibration to use; ``note`` says why it is the shipped one, empty where nothing was tried.

    ``is_settled``: there is no use in calibrating by oneself now.
    """

    calibration: Calibration
    note: str = ""
    is_settled: bool = True


def find_calibration(store: Store, model_id: int, *, pictures: int | None = None) -> Found:
    """Return the calibration of a library for one model; the shipped one where there is none.

    Args:
        store: The library.
        model_id: Of the model that described the photos.
        pictures: How many distinct ones there are now; None where nothing is to be calibrated.
    """
    stored = store.latest_calibration(model_id)
    if stored is not None:
        try:
            return Found(Calibration.from_json(stored))
        except CalibrationError as error:  # of another version, or damaged
            return Found(shipped_calibration(), str(error))
    tried = json.loads(store.setting(_key(model_id)) or "{}")
    enough = pictures is not None and pictures > GROWN * tried.get("pictures", 0)
    return Found(shipped_calibration(), tried.get("reason", ""), is_settled=not enough)


def remember_failure(store: Store, model_id: int, reason: str, *, pictures: int) -> None:
    """Record that calibrating on so many pictures failed, so that not every run tries it again."""
    tried = json.dumps({"pictures": pictures, "reason": reason})
    store.set_setting(_key(model_id), tried)


def _key(model_id: int) -> str:
    return f"calibration_tried_{model_id}"
