"""The calibration of a library: the stored one, the shipped one where there is none, and why."""

from dataclasses import dataclass

from dupfind.errors import CalibrationError
from dupfind.matching.calibrate import Calibration, check_proven, shipped_calibration
from dupfind.store.store import Store

GROWN = 1.5  # times the photos that a calibration was made on, from which on it is out of date


@dataclass(frozen=True)
class Found:
    """A calibration to use; ``note`` says why a stored one is not it, empty where there is none."""

    calibration: Calibration
    note: str = ""


def find_calibration(store: Store, model_id: int) -> Found:
    """Return the stored calibration for a model; the shipped one where none can be used."""
    stored = store.latest_calibration(model_id)
    if stored is None:
        return Found(shipped_calibration())
    try:
        calibration = Calibration.from_json(stored)
        check_proven(calibration.copy_scores)
    except CalibrationError as error:  # of another version, damaged, or of flat pictures only
        return Found(shipped_calibration(), str(error))
    photos = store.count_photos()
    if photos > GROWN * calibration.photos:
        return Found(
            shipped_calibration(),
            f"the stored calibration was made on {calibration.photos or 'fewer'} photos and there are "
            f"{photos} now; run `dupfind calibrate` again",
        )
    return Found(calibration)
